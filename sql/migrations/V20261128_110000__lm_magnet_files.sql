-- Every file that a magnet hands out or has handed out, checked before its row is written. A row
-- is never changed but for the time at which it last became the current one.
CREATE TABLE lm_magnet_files (
    id uuid PRIMARY KEY DEFAULT uuidv7(),
    magnet_id bigint NOT NULL REFERENCES lm_magnets,
    sha256 bytea NOT NULL CHECK (octet_length(sha256) = 32),
    size_bytes bigint NOT NULL CHECK (size_bytes > 0),
    -- Holds the SHA-256, so that no file ever takes the place of another.
    s3_key text NOT NULL CHECK (s3_key <> ''),
    created_at timestamptz NOT NULL DEFAULT now(),
    activated_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (magnet_id, sha256),
    UNIQUE (magnet_id, s3_key)
);

-- The current file of a magnet is one of its own. A studio has a handful of magnets: to check them
-- all takes no time.
-- squawk-ignore constraint-missing-not-valid, adding-foreign-key-constraint
ALTER TABLE lm_magnets ADD CONSTRAINT lm_magnets_current_file
    FOREIGN KEY (id, s3_key) REFERENCES lm_magnet_files (magnet_id, s3_key);
