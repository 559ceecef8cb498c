-- Extends the chain by seals for existing rows, as of now, at the next positions and nowhere else.
-- It runs as the owner: the application's role has no other way to write seals, and has this one
-- only with a proof of HASH_KEY: of the key of the first seal, and afterwards of the one that the
-- owner named (`leadmagnet keys rotate-hash`). False when the chain has grown meanwhile: another
-- worker was first, and the chain hashes must be computed again.
CREATE OR REPLACE FUNCTION lm_extend_chain(
    key_proof bytea, first_position bigint, event_ids bigint[], erasure_ids bigint[],
    audit_ids bigint[], digests bytea[], chain_hashes bytea[]
) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO lm_seal_key (version, proof_hash)
    SELECT 1, sha256(key_proof) WHERE NOT EXISTS (SELECT FROM lm_consent_seals)
    ON CONFLICT DO NOTHING;
    -- The lock that makes sealers take turns: it cannot be held without the key.
    PERFORM FROM lm_seal_key
    WHERE proof_hash = sha256(key_proof) AND version = (SELECT max(version) FROM lm_seal_key)
    FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'sealing takes the key of the seals before'
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    IF first_position <> (SELECT coalesce(max(position), 0) + 1 FROM lm_consent_seals) THEN
        RETURN false;
    END IF;
    -- A seal of no row, as of one that does not exist, is refused by the table.
    INSERT INTO lm_consent_seals
        (position, event_id, erasure_id, audit_id, subscriber_id, digest, chain_hash, sealed_at)
    SELECT first_position + s.place - 1, e.id, x.id, a.id,
           coalesce(e.subscriber_id, x.subscriber_id, a.subscriber_id),
           s.digest, s.chain_hash, now()
    FROM unnest(event_ids, erasure_ids, audit_ids, digests, chain_hashes) WITH ORDINALITY
        AS s (event_id, erasure_id, audit_id, digest, chain_hash, place)
    LEFT JOIN lm_consent_events e ON e.id = s.event_id
    LEFT JOIN lm_erasures x ON x.id = s.erasure_id
    LEFT JOIN lm_audit a ON a.id = s.audit_id;
    RETURN true;
END
$$;

REVOKE ALL ON FUNCTION lm_extend_chain FROM PUBLIC;
