-- name: ledger_page
-- Seals in the order of the chain, each with what it seals, as far as that is still there.
SELECT position, event_id, erasure_id, audit_id, subscriber_id, digest, chain_hash, sealed_at,
       facts, recorded_at, wording_kept, address_kept, erased
FROM lm_sealed
WHERE position > %(after)s
ORDER BY position
LIMIT %(batch)s;

-- name: ledger_of_subscriber
-- One person's events, each with its seal, if it has one by now.
SELECT e.id AS event_id, s.position, s.erasure_id, s.audit_id, s.subscriber_id, s.digest,
       s.chain_hash, s.sealed_at, s.previous, s.facts, s.recorded_at, s.wording_kept,
       s.address_kept, s.erased
FROM lm_consent_events e
LEFT JOIN lm_sealed s ON s.event_id = e.id
WHERE e.subscriber_id = %(subscriber_id)s
ORDER BY e.id;

-- name: ledger_unsealed
-- A page of the rows of one kind, by id: how many have no seal, and which should have one by now.
WITH page AS (
    (
        SELECT e.id, e.recorded_at,
               (SELECT s.position FROM lm_consent_seals s WHERE s.event_id = e.id) AS position
        FROM lm_consent_events e
        WHERE %(kind)s::text = 'event' AND e.id > %(after)s
        ORDER BY e.id
        LIMIT %(batch)s
    )
    UNION ALL
    (
        SELECT x.id, x.erased_at,
               (SELECT s.position FROM lm_consent_seals s WHERE s.erasure_id = x.id)
        FROM lm_erasures x
        WHERE %(kind)s = 'erasure' AND x.id > %(after)s
        ORDER BY x.id
        LIMIT %(batch)s
    )
    UNION ALL
    (
        SELECT a.id, a.occurred_at,
               (SELECT s.position FROM lm_consent_seals s WHERE s.audit_id = a.id)
        FROM lm_audit a
        WHERE %(kind)s = 'audit' AND a.id > %(after)s
        ORDER BY a.id
        LIMIT %(batch)s
    )
)
SELECT max(id) AS last, count(*) FILTER (WHERE position IS NULL) AS waiting,
       coalesce(array_agg(id ORDER BY id) FILTER (
           WHERE position IS NULL AND recorded_at <= now() - %(late_after)s::interval), '{}')
           AS overdue
FROM page;

-- name: ledger_subscribers
-- A page of the subscribers, by id: who is there although they were erased, and whose state says
-- more than their latest events do. What was imported says what the former system's record said. A
-- withdrawal without purpose is of everything.
WITH page AS (
    SELECT id, status, confirmed_at, newsletter FROM lm_subscribers
    WHERE id > %(after)s
    ORDER BY id
    LIMIT %(batch)s
), proven AS (
    SELECT page.*, proof.confirmed > 0 AS ever, proof.confirmed > proof.withdrawn AS delivery,
           proof.newsletter > greatest(proof.withdrawn, proof.newsletter_withdrawn)
               AS newsletter_given
    FROM page, LATERAL (
        SELECT coalesce(max(e.id) FILTER (
                   WHERE e.type = 'confirm' OR e.claim ->> 'record' = 'subscriber' AND (
                       e.claim ->> 'status' = 'confirmed' OR e.claim ->> 'confirmed_at' <> '')), 0)
                   AS confirmed,
               coalesce(max(e.id) FILTER (
                   WHERE e.type = 'confirm' AND e.purpose = 'newsletter'
                      OR (e.claim ->> 'newsletter')::boolean), 0)
                   AS newsletter,
               coalesce(max(e.id) FILTER (
                   WHERE e.type IN ('unsubscribe', 'complaint') AND e.purpose IS NULL
                      OR e.claim ->> 'record' = 'subscriber'
                         AND e.claim ->> 'status' = 'unsubscribed'), 0)
                   AS withdrawn,
               coalesce(max(e.id) FILTER (
                   WHERE e.type = 'unsubscribe' AND e.purpose = 'newsletter'), 0)
                   AS newsletter_withdrawn
        FROM lm_consent_events e
        WHERE e.subscriber_id = page.id
    ) proof
)
SELECT max(id::text)::uuid AS last,
       coalesce(array_agg(id) FILTER (
           WHERE confirmed_at IS NOT NULL AND NOT ever
              OR status = 'confirmed' AND NOT delivery), '{}')
           AS unconfirmed,
       coalesce(array_agg(id) FILTER (WHERE newsletter AND NOT newsletter_given), '{}')
           AS without_newsletter,
       coalesce(array_agg(id) FILTER (
           WHERE EXISTS (SELECT FROM lm_erasures x WHERE x.subscriber_id = proven.id)), '{}')
           AS returned
FROM proven;
