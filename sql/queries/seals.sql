-- name: seal_latest
-- The end of the chain, with the chain hash that it is computed from, and whose key seals now.
SELECT s.position, s.event_id, s.erasure_id, s.audit_id, s.subscriber_id, s.digest, s.chain_hash,
       s.sealed_at,
       (SELECT p.chain_hash FROM lm_consent_seals p WHERE p.position = s.position - 1) AS previous,
       (SELECT proof_hash FROM lm_seal_key ORDER BY version DESC LIMIT 1) AS proof_hash
FROM lm_consent_seals s
ORDER BY s.position DESC
LIMIT 1;

-- name: seal_at
SELECT chain_hash FROM lm_consent_seals WHERE position = %(position)s;

-- name: seal_due
-- What has no seal, oldest first, up to the first row that has not settled: ids are drawn before
-- their transaction commits, and the chain should have them in that order. One that commits later
-- still gets its seal then: it is looked for `reach` ids behind the latest sealed one, each by the
-- unique index. A time far in the future is a clock that was set right since, and settles nothing.
WITH reached AS (
    SELECT coalesce((SELECT max(event_id) FROM lm_consent_seals), 0) - %(reach)s::bigint
               AS event_id,
           coalesce((SELECT max(erasure_id) FROM lm_consent_seals), 0) - %(reach)s::bigint
               AS erasure_id,
           coalesce((SELECT max(audit_id) FROM lm_consent_seals), 0) - %(reach)s::bigint
               AS audit_id
), unsealed AS (
    (
        SELECT 'event' AS kind, e.id, e.subscriber_id, e.recorded_at, lm_facts(e) AS facts
        FROM lm_consent_events e
        WHERE e.id > (SELECT event_id FROM reached)
          AND (SELECT s.position FROM lm_consent_seals s WHERE s.event_id = e.id) IS NULL
        ORDER BY e.id
        LIMIT %(batch)s
    )
    UNION ALL
    (
        SELECT 'erasure', x.id, x.subscriber_id, x.erased_at, lm_facts(x)
        FROM lm_erasures x
        WHERE x.id > (SELECT erasure_id FROM reached)
          AND (SELECT s.position FROM lm_consent_seals s WHERE s.erasure_id = x.id) IS NULL
        ORDER BY x.id
        LIMIT %(batch)s
    )
    UNION ALL
    (
        SELECT 'audit', a.id, a.subscriber_id, a.occurred_at, lm_facts(a)
        FROM lm_audit a
        WHERE a.id > (SELECT audit_id FROM reached)
          AND (SELECT s.position FROM lm_consent_seals s WHERE s.audit_id = a.id) IS NULL
        ORDER BY a.id
        LIMIT %(batch)s
    )
), settling AS (
    SELECT kind, id, subscriber_id, facts,
           bool_or(recorded_at > now() - %(settling_time)s::interval
                   AND recorded_at <= now() + %(clock_tolerance)s::interval)
               OVER (PARTITION BY kind ORDER BY id) AS unsettled
    FROM unsealed
)
SELECT kind, id, subscriber_id, facts, now() AS sealed_at
FROM settling
WHERE NOT unsettled
ORDER BY kind DESC, id;

-- name: seal_write
SELECT lm_extend_chain(
    %(key_proof)s::bytea, %(first_position)s::bigint, %(event_ids)s::bigint[],
    %(erasure_ids)s::bigint[], %(audit_ids)s::bigint[], %(digests)s::bytea[],
    %(chain_hashes)s::bytea[]) AS written;

-- name: seal_key_rotate
-- role: owner
-- From now on the new key seals, if a former one did until now; a sealer at work is waited for.
WITH present AS (
    SELECT version, proof_hash FROM lm_seal_key ORDER BY version DESC LIMIT 1 FOR UPDATE
), rotated AS (
    INSERT INTO lm_seal_key (version, proof_hash)
    SELECT version + 1, %(proof_hash)s::bytea FROM present
    WHERE proof_hash = ANY (%(former)s::bytea[])
    RETURNING version
)
SELECT (SELECT version FROM rotated) IS NOT NULL AS rotated,
       (SELECT proof_hash FROM present) IS NULL AS unsealed,
       coalesce((SELECT proof_hash FROM present) = %(proof_hash)s::bytea, false) AS done;
