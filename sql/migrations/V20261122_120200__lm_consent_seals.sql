-- The chain over the ledger, written by a job after the fact: one seal for each event and each
-- erasure. `digest` is of the row with its salt, `link` an HMAC over this seal and the link before
-- it. No foreign key: a seal outlives the erasure of its event, and then says nothing about her.
CREATE TABLE lm_consent_seals (
    position bigint PRIMARY KEY CHECK (position > 0),
    event_id bigint UNIQUE,
    erasure_id bigint UNIQUE,
    subscriber_id uuid NOT NULL,
    digest bytea NOT NULL CHECK (octet_length(digest) = 32),
    link bytea NOT NULL CHECK (octet_length(link) = 32),
    sealed_at timestamptz NOT NULL,
    CONSTRAINT lm_consent_seals_subject CHECK ((event_id IS NULL) <> (erasure_id IS NULL))
);

CREATE TRIGGER lm_consent_seals_guard BEFORE UPDATE OR DELETE ON lm_consent_seals
    FOR EACH ROW EXECUTE FUNCTION lm_append_only();
CREATE TRIGGER lm_consent_seals_truncate BEFORE TRUNCATE ON lm_consent_seals
    EXECUTE FUNCTION lm_append_only();
