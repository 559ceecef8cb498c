-- name: limit_count
-- Counts a network's try. Over the limit nothing is written, so that hammering costs no write and
-- prolongs nothing.
WITH reached AS MATERIALIZED (
    SELECT lm_limits_reached_until(ARRAY[%(key)s::bytea], ARRAY[%(at_most)s::int]) AS ends_at
), counted AS MATERIALIZED (
    SELECT CASE WHEN ends_at IS NULL THEN
        lm_limit_count(%(key)s::bytea, %(at_most)s::int, %(lasting)s::interval) END AS place
    FROM reached
)
SELECT counted.place IS NOT NULL AS allowed,
       extract(epoch FROM coalesce(reached.ends_at - now(), %(lasting)s::interval))::float
           AS seconds
FROM counted, reached;

-- name: limit_look
-- How long one of these limits stays reached; NULL while none is. Counts nothing.
SELECT extract(epoch FROM lm_limits_reached_until(
    %(network_keys)s::bytea[], %(network_limits)s::int[]) - now())::float AS seconds;

-- name: limit_purge
-- In small batches, skipping rows that a request has locked.
WITH ended AS (
    DELETE FROM lm_signup_limits
    WHERE key IN (
        SELECT key FROM lm_signup_limits
        WHERE ends_at < now() ORDER BY ends_at LIMIT %(batch)s FOR UPDATE SKIP LOCKED)
    RETURNING key
)
SELECT count(*) AS deleted FROM ended;
