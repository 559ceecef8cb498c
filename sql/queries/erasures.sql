-- name: erasure_erase
-- One statement, so one transaction: the person, all that hangs on their row, the tombstone, and,
-- if they object to all future mail, the keyed hash of their address.
WITH erasure AS (
    SELECT lm_erase(%(subscriber_id)s, %(erased_by)s, %(token_hash)s, %(address_hash)s) AS erased
), suppression AS (
    INSERT INTO lm_suppressions (address_hash)
    SELECT %(address_hash)s::bytea FROM erasure WHERE erased AND %(address_hash)s::bytea IS NOT NULL
    ON CONFLICT DO NOTHING
)
SELECT erased FROM erasure;

-- name: erasure_of_link
-- What an earlier erasure by this link did.
SELECT objected FROM lm_erasure_links WHERE token_hash = %(token_hash)s;

-- name: erasures_page
-- The newest first, and who was told of each: an endpoint that had the address, or the id alone.
SELECT e.id, e.subscriber_id, e.erased_at, e.erased_by, e.address_hash,
       e.address_hash IS NOT NULL AS objected, told.told
FROM lm_erasures e
CROSS JOIN LATERAL (
    SELECT coalesce(jsonb_agg(jsonb_build_object(
               'endpoint', w.name, 'address', n.address, 'acknowledged_at', n.acknowledged_at,
               'state', CASE
                   WHEN n.acknowledged_at IS NOT NULL THEN 'acknowledged'
                   WHEN EXISTS (
                       SELECT FROM lm_webhook_events v
                       WHERE v.subscriber_id = n.subscriber_id AND v.endpoint_id = n.endpoint_id
                         AND v.kind = 'subscriber.erased' AND v.state = 'queued') THEN 'waiting'
                   ELSE 'given_up' END) ORDER BY w.name), '[]') AS told
    FROM lm_erasure_notices n
    JOIN lm_webhook_endpoints w ON w.id = n.endpoint_id
    WHERE n.subscriber_id = e.subscriber_id
) told
WHERE e.id < %(before)s
ORDER BY e.id DESC
LIMIT %(limit)s;
