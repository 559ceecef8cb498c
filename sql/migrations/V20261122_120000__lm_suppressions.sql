-- Addresses never to be written to again, as keyed hashes (HMAC-SHA256): without the key, which is
-- not in the database, no one can find out whose they are.
CREATE TABLE lm_suppressions (
    address_hash bytea PRIMARY KEY CHECK (octet_length(address_hash) = 32),
    created_at timestamptz NOT NULL DEFAULT now()
);
