-- The chain over the ledger and the audit, written by a job after the fact: one seal for each
-- event, each erasure and each row of the audit. `digest` is of the row, an event's with its salt,
-- `chain_hash` an HMAC over this seal and the chain hash before it. No foreign key: a seal outlives
-- the erasure of its event, and then says nothing about the person.
CREATE TABLE lm_consent_seals (
    position bigint PRIMARY KEY CHECK (position > 0),
    event_id bigint UNIQUE,
    erasure_id bigint UNIQUE,
    audit_id bigint UNIQUE,
    subscriber_id uuid,
    digest bytea NOT NULL CHECK (octet_length(digest) = 32),
    chain_hash bytea NOT NULL CHECK (octet_length(chain_hash) = 32),
    sealed_at timestamptz NOT NULL,
    CONSTRAINT lm_consent_seals_subject CHECK (num_nonnulls(event_id, erasure_id, audit_id) = 1)
);

CREATE TRIGGER lm_consent_seals_guard BEFORE UPDATE OR DELETE ON lm_consent_seals
    FOR EACH ROW EXECUTE FUNCTION lm_append_only();
CREATE TRIGGER lm_consent_seals_truncate BEFORE TRUNCATE ON lm_consent_seals
    EXECUTE FUNCTION lm_append_only();

-- Only a holder of HASH_KEY may seal; this keeps the hash of a key derived from it, the latest
-- version for the key that seals now. The
-- application's role alone cannot seal, so an injected statement cannot block the chain.
CREATE TABLE lm_seal_key (
    version integer PRIMARY KEY CHECK (version > 0),
    proof_hash bytea NOT NULL UNIQUE CHECK (octet_length(proof_hash) = 32)
);

CREATE TRIGGER lm_seal_key_guard BEFORE UPDATE OR DELETE ON lm_seal_key
    FOR EACH ROW EXECUTE FUNCTION lm_append_only();

-- A row as it is digested, whatever the session's time zone and form of bytea.
CREATE FUNCTION lm_facts(stored anyelement) RETURNS jsonb
LANGUAGE sql STABLE STRICT SET timezone = 'UTC' SET bytea_output = 'hex'
AS 'SELECT to_jsonb(stored)';

-- Each seal with what it seals, as far as that is still there, and what else must fit it.
CREATE VIEW lm_sealed WITH (security_invoker = true) AS
SELECT s.position, s.event_id, s.erasure_id, s.audit_id, s.subscriber_id, s.digest, s.chain_hash,
       s.sealed_at,
       (SELECT p.chain_hash FROM lm_consent_seals p WHERE p.position = s.position - 1) AS previous,
       coalesce(lm_facts(e), lm_facts(x), lm_facts(a)) AS facts,
       coalesce(e.recorded_at, x.erased_at, a.occurred_at) AS recorded_at,
       e.consent_text_id IS NULL
           OR (sha256(convert_to(t.text, 'UTF8')), t.purpose, t.locale, t.policy_version,
               t.policy_url)
               IS NOT DISTINCT FROM
               (e.text_hash, e.purpose, e.locale, e.policy_version, e.policy_url) AS wording_kept,
       sha256(e.salt || convert_to(p.email, 'UTF8')) IS NOT DISTINCT FROM e.address_digest
           AS address_kept,
       EXISTS (SELECT FROM lm_erasures y WHERE y.subscriber_id = s.subscriber_id) AS erased
FROM lm_consent_seals s
LEFT JOIN lm_consent_events e ON e.id = s.event_id
LEFT JOIN lm_erasures x ON x.id = s.erasure_id
LEFT JOIN lm_audit a ON a.id = s.audit_id
LEFT JOIN lm_consent_texts t ON t.id = e.consent_text_id
LEFT JOIN lm_subscribers p ON p.id = e.subscriber_id;
