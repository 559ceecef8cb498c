-- name: endpoint_add
INSERT INTO lm_webhook_endpoints (name, url, kinds, include_email)
VALUES (%(endpoint)s, %(url)s, %(kinds)s::text[], %(include_email)s)
ON CONFLICT (name) DO NOTHING
RETURNING id, secret_version;

-- name: endpoints_list
-- With what waits and what was given up, and for how long the oldest has waited, erasures apart.
SELECT e.name, e.url, e.kinds, e.include_email, e.former_until, e.failing_since, e.disabled_at,
       e.disabled_why, e.created_at, queued.events AS queued, dead.events AS dead,
       now() - queued.oldest AS waiting, now() - queued.oldest_erasure AS erasure_waiting
FROM lm_webhook_endpoints e
CROSS JOIN LATERAL (
    SELECT count(*) AS events, min(v.occurred_at) AS oldest,
           min(v.occurred_at) FILTER (WHERE v.kind = 'subscriber.erased') AS oldest_erasure
    FROM lm_webhook_events v WHERE v.endpoint_id = e.id AND v.state = 'queued'
) queued
CROSS JOIN LATERAL (
    SELECT count(*) AS events FROM lm_webhook_events v
    WHERE v.endpoint_id = e.id AND v.state = 'dead'
) dead
ORDER BY e.name;

-- name: endpoint_rotate
-- The former secret signs beside the new one for a while.
UPDATE lm_webhook_endpoints
SET secret_version = secret_version + 1, former_until = now() + %(overlap)s::interval
WHERE name = %(endpoint)s
RETURNING id, secret_version, former_until;

-- name: endpoint_disable
UPDATE lm_webhook_endpoints SET disabled_at = now(), disabled_why = 'operator'
WHERE name = %(endpoint)s AND disabled_at IS NULL
RETURNING id;

-- name: endpoint_enable
-- What has waited is due at once, but for what a worker has in hand: another would post it again.
WITH enabled AS (
    UPDATE lm_webhook_endpoints
    SET disabled_at = NULL, disabled_why = NULL, failing_since = NULL, resting_until = NULL
    WHERE name = %(endpoint)s AND disabled_at IS NOT NULL
    RETURNING id
), due AS (
    UPDATE lm_webhook_events v SET due_at = now(), attempts = 0
    FROM enabled
    WHERE v.endpoint_id = enabled.id AND v.state = 'queued'
      AND coalesce(v.leased_until, '-infinity') <= now()
)
SELECT id FROM enabled;
