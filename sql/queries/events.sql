-- name: event_claim
-- Takes the event that has been due longest, of the endpoints that are well first, for the length
-- of a lease. A few of an endpoint's are in hand at once, and a single one where it fails, so that
-- a consumer that hangs leaves threads for the others. The subscriber is read here, and remembered
-- as known to the endpoint before anything leaves; an erasure that is under way wins.
WITH due AS (
    SELECT v.id, v.subscriber_id, v.kind
    FROM lm_webhook_endpoints e
    CROSS JOIN LATERAL (
        SELECT q.id, q.subscriber_id, q.kind, q.due_at
        FROM lm_webhook_events q
        WHERE q.endpoint_id = e.id AND q.state = 'queued' AND q.due_at <= now()
        ORDER BY q.due_at
        LIMIT 1
        FOR UPDATE SKIP LOCKED
    ) v
    WHERE e.disabled_at IS NULL AND coalesce(e.resting_until, '-infinity') <= now()
      -- The original of a copied database has told this, or will.
      AND (SELECT hold_reason IS DISTINCT FROM 'database_copied' FROM lm_send_limiter)
      AND (SELECT count(*) FROM lm_webhook_events h
           WHERE h.endpoint_id = e.id AND h.leased_until > now())
          < CASE WHEN e.failing_since IS NULL THEN %(in_hand)s::int ELSE 1 END
    ORDER BY e.failing_since IS NOT NULL, v.due_at
    LIMIT 1
), person AS MATERIALIZED (
    SELECT s.id, s.email, s.status, s.newsletter, s.locale, s.source
    FROM lm_subscribers s
    WHERE s.id = (SELECT subscriber_id FROM due)
    FOR KEY SHARE SKIP LOCKED
), claimed AS (
    UPDATE lm_webhook_events v
    SET claims = v.claims + 1, attempts = v.attempts + 1,
        due_at = now() + %(lease)s::interval, leased_until = now() + %(lease)s::interval
    FROM due
    WHERE v.id = due.id
      AND (due.kind IN ('ping', 'subscriber.erased') OR EXISTS (SELECT FROM person))
    RETURNING v.id, v.endpoint_id, v.kind, v.subscriber_id, v.magnet_id, v.occurred_at, v.claims,
        v.attempts
), remembered AS (
    INSERT INTO lm_webhook_recipients AS r (subscriber_id, endpoint_id, address)
    SELECT person.id, e.id, e.include_email
    FROM claimed
    JOIN person ON person.id = claimed.subscriber_id
    JOIN lm_webhook_endpoints e ON e.id = claimed.endpoint_id
    ON CONFLICT (subscriber_id, endpoint_id) DO NOTHING
)
SELECT claimed.id, claimed.endpoint_id, claimed.kind, claimed.subscriber_id, claimed.occurred_at,
       claimed.claims, claimed.attempts, now() AS sent_at, e.name, e.url, e.secret_version,
       coalesce(e.former_until > now(), false) AS former_secret, person.status, person.newsletter,
       person.locale, person.source, CASE WHEN e.include_email THEN person.email END AS email,
       m.slug AS magnet,
       ARRAY(SELECT DISTINCT a.slug FROM lm_outbox o JOIN lm_magnets a ON a.id = o.magnet_id
             WHERE o.subscriber_id = person.id ORDER BY a.slug) AS magnets
FROM claimed
JOIN lm_webhook_endpoints e ON e.id = claimed.endpoint_id
LEFT JOIN person ON person.id = claimed.subscriber_id
LEFT JOIN lm_magnets m ON m.id = claimed.magnet_id;

-- name: event_delivered
-- A worker that was away longer than its lease marks nothing.
WITH delivered AS (
    UPDATE lm_webhook_events
    SET state = 'delivered', finished_at = now(), leased_until = NULL, reason = NULL
    WHERE id = %(id)s AND claims = %(claims)s AND state = 'queued'
    RETURNING endpoint_id, subscriber_id, kind
), acknowledged AS (
    UPDATE lm_erasure_notices n
    SET acknowledged_at = now()
    FROM delivered d
    WHERE d.kind = 'subscriber.erased' AND n.subscriber_id = d.subscriber_id
      AND n.endpoint_id = d.endpoint_id AND n.acknowledged_at IS NULL
), recovered AS (
    UPDATE lm_webhook_endpoints e
    SET failing_since = NULL
    FROM delivered
    WHERE e.id = delivered.endpoint_id AND e.failing_since IS NOT NULL
)
SELECT EXISTS (SELECT FROM delivered) AS held;

-- name: event_failed
-- Later again, or never where this was the last attempt. An endpoint that is gone (410), or has
-- failed for so long that nobody seems to look, is disabled: its events wait for an operator, and
-- a mail tells the owner.
WITH failed AS (
    UPDATE lm_webhook_events
    SET state = CASE WHEN %(last)s::boolean THEN 'dead' ELSE 'queued' END,
        finished_at = CASE WHEN %(last)s::boolean THEN now() END,
        due_at = now() + greatest(%(delay)s::interval, %(pause)s::interval),
        leased_until = NULL, reason = %(reason)s
    WHERE id = %(id)s AND claims = %(claims)s AND state = 'queued'
    RETURNING endpoint_id
), endpoint AS (
    UPDATE lm_webhook_endpoints e
    SET failing_since = coalesce(e.failing_since, now()),
        resting_until = greatest(e.resting_until, now() + %(pause)s::interval),
        disabled_at = CASE WHEN %(gone)s::boolean
                             OR e.failing_since <= now() - %(patience)s::interval THEN now() END,
        disabled_why = CASE WHEN %(gone)s::boolean THEN 'gone'
                            WHEN e.failing_since <= now() - %(patience)s::interval
                            THEN 'failing' END
    FROM failed
    WHERE e.id = failed.endpoint_id AND e.disabled_at IS NULL
    RETURNING e.disabled_why
), told_owner AS (
    INSERT INTO lm_outbox (kind, locale)
    SELECT 'webhook', %(owner_locale)s::text
    FROM endpoint WHERE disabled_why IS NOT NULL AND %(owner_locale)s::text IS NOT NULL
)
SELECT EXISTS (SELECT FROM failed) AS held, (SELECT disabled_why FROM endpoint) AS disabled_why;

-- name: events_page
-- The newest first, of one endpoint, state or person where one is named.
SELECT v.id, e.name AS endpoint, v.kind, v.subscriber_id, v.state, v.attempts, v.reason,
       v.occurred_at, v.due_at, v.finished_at
FROM lm_webhook_events v
JOIN lm_webhook_endpoints e ON e.id = v.endpoint_id
WHERE (%(endpoint)s::text IS NULL OR e.name = %(endpoint)s)
  AND (%(state)s::text IS NULL OR v.state = %(state)s)
  AND (%(subscriber_id)s::uuid IS NULL OR v.subscriber_id = %(subscriber_id)s)
  AND (NOT %(erasures)s::boolean OR v.kind = 'subscriber.erased')
  AND (%(before)s::uuid IS NULL OR v.id < %(before)s)
ORDER BY v.id DESC
LIMIT %(limit)s;

-- name: events_replay
-- Due again under the same ids, with all attempts: one event, or all dead ones of an endpoint.
WITH replayed AS (
    UPDATE lm_webhook_events v
    SET state = 'queued', attempts = 0, due_at = now(), leased_until = NULL, finished_at = NULL
    WHERE v.id = %(event_id)s::uuid AND v.state <> 'queued'
       OR v.state = 'dead' AND v.endpoint_id = (
           SELECT id FROM lm_webhook_endpoints WHERE name = %(endpoint)s::text)
    RETURNING v.id
)
SELECT count(*) AS events FROM replayed;

-- name: event_ping
INSERT INTO lm_webhook_events (endpoint_id, kind)
SELECT id, 'ping' FROM lm_webhook_endpoints WHERE name = %(endpoint)s AND disabled_at IS NULL
RETURNING id;
