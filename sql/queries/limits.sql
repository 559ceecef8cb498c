-- name: limit_try
-- Counts a network's try. Over the limit nothing is written, so that hammering costs no write and
-- prolongs nothing.
WITH spent AS (
    SELECT ends_at FROM lm_signup_limits
    WHERE key = %(key)s AND n >= %(at_most)s AND ends_at > now()
), counted AS (
    INSERT INTO lm_signup_limits AS l (key, ends_at)
    SELECT %(key)s, now() + %(life)s::interval WHERE NOT EXISTS (SELECT FROM spent)
    ON CONFLICT (key) DO UPDATE
    SET n = CASE WHEN l.ends_at <= now() THEN 1 ELSE l.n + 1 END,
        ends_at = CASE WHEN l.ends_at <= now() THEN EXCLUDED.ends_at ELSE l.ends_at END
    WHERE l.ends_at <= now() OR l.n < %(at_most)s
    RETURNING l.key
)
SELECT EXISTS (SELECT FROM counted) AS allowed,
       extract(epoch FROM coalesce((SELECT ends_at FROM spent) - now(), %(life)s::interval))::float AS seconds;

-- name: limit_purge
-- In small bites, and past rows that somebody is just counting on.
DELETE FROM lm_signup_limits
WHERE key IN (
    SELECT key FROM lm_signup_limits
    WHERE ends_at < now() ORDER BY ends_at LIMIT 1000 FOR UPDATE SKIP LOCKED);
