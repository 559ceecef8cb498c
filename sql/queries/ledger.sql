-- name: ledger_lock
-- One sealer at a time, until the end of the transaction.
SELECT pg_try_advisory_xact_lock(hashtext('lm_consent_seals')) AS held;

-- name: ledger_head
SELECT position, link FROM lm_consent_seals ORDER BY position DESC LIMIT 1;

-- name: ledger_unsealed
-- What came after the latest seal, oldest first. Only what has settled: ids are drawn before their
-- transaction commits, and one that commits late must not find its place in the chain taken.
(
    SELECT 'event' AS kind, e.id, e.subscriber_id, to_jsonb(e) AS facts, now() AS sealed_at
    FROM lm_consent_events e
    WHERE e.id > coalesce((SELECT max(event_id) FROM lm_consent_seals), 0)
      AND e.occurred_at <= now() - %(settled)s::interval
    ORDER BY e.id
    LIMIT %(batch)s
)
UNION ALL
(
    SELECT 'erasure', x.id, x.subscriber_id, to_jsonb(x), now()
    FROM lm_erasures x
    WHERE x.id > coalesce((SELECT max(erasure_id) FROM lm_consent_seals), 0)
      AND x.erased_at <= now() - %(settled)s::interval
    ORDER BY x.id
    LIMIT %(batch)s
);

-- name: ledger_seal
INSERT INTO lm_consent_seals
    (position, event_id, erasure_id, subscriber_id, digest, link, sealed_at)
SELECT * FROM unnest(
    %(positions)s::bigint[], %(event_ids)s::bigint[], %(erasure_ids)s::bigint[],
    %(subscriber_ids)s::uuid[], %(digests)s::bytea[], %(links)s::bytea[],
    %(sealed_at)s::timestamptz[]);

-- name: ledger_page
-- Seals in the order of the chain, each with what it seals, as far as that is still there.
SELECT s.position, s.event_id, s.erasure_id, s.subscriber_id, s.digest, s.link, s.sealed_at,
       coalesce(to_jsonb(e), to_jsonb(x)) AS facts,
       sha256(convert_to(t.text, 'UTF8')) IS NOT DISTINCT FROM e.text_hash AS wording_kept,
       EXISTS (SELECT FROM lm_erasures y WHERE y.subscriber_id = s.subscriber_id) AS erased
FROM lm_consent_seals s
LEFT JOIN lm_consent_events e ON e.id = s.event_id
LEFT JOIN lm_erasures x ON x.id = s.erasure_id
LEFT JOIN lm_consent_texts t ON t.id = e.consent_text_id
WHERE s.position > %(after)s
ORDER BY s.position
LIMIT %(batch)s;

-- name: ledger_added
-- What no seal knows although later rows are sealed.
(
    SELECT 'event' AS kind, e.id FROM lm_consent_events e
    WHERE e.id < (SELECT max(event_id) FROM lm_consent_seals)
      AND NOT EXISTS (SELECT FROM lm_consent_seals s WHERE s.event_id = e.id)
    ORDER BY e.id LIMIT 1
)
UNION ALL
(
    SELECT 'erasure', x.id FROM lm_erasures x
    WHERE x.id < (SELECT max(erasure_id) FROM lm_consent_seals)
      AND NOT EXISTS (SELECT FROM lm_consent_seals s WHERE s.erasure_id = x.id)
    ORDER BY x.id LIMIT 1
);

-- name: ledger_returned
-- A tombstone of somebody who is there: a restored backup, or a tombstone that excuses a removal.
SELECT x.id FROM lm_erasures x JOIN lm_subscribers s ON s.id = x.subscriber_id
ORDER BY x.id LIMIT 1;

-- name: ledger_waiting
SELECT count(*) AS events FROM lm_consent_events
WHERE id > coalesce((SELECT max(event_id) FROM lm_consent_seals), 0);
