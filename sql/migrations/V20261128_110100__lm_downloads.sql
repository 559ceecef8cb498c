-- Which file a person was handed, since when and how often: by its SHA-256 also after another file
-- has become the current one and the links are deleted. It goes with the person.
CREATE TABLE lm_downloads (
    subscriber_id uuid NOT NULL REFERENCES lm_subscribers ON DELETE CASCADE,
    file_id uuid NOT NULL REFERENCES lm_magnet_files,
    first_at timestamptz NOT NULL DEFAULT now(),
    times integer NOT NULL DEFAULT 1 CHECK (times > 0),
    PRIMARY KEY (subscriber_id, file_id)
) WITH (fillfactor = 85);
