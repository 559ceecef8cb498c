-- Keys of the admin API, as keyed hashes. Made and revoked by the owner's role alone: the
-- application can look a key up, and note the day it was used.
CREATE TABLE lm_admin_keys (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE CHECK (name ~ '^[a-z0-9]+(-[a-z0-9]+)*$' AND length(name) <= 50),
    key_hash bytea NOT NULL UNIQUE CHECK (octet_length(key_hash) = 32),
    role text NOT NULL CHECK (role IN ('viewer', 'owner')),
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    revoked_at timestamptz,
    last_used_on date,
    CONSTRAINT lm_admin_keys_expiry
        CHECK (expires_at > created_at AND expires_at <= created_at + interval '366 days')
);
