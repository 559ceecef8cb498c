-- What a visitor asks is accepted here, one statement and one round trip each. None of them looks
-- at a subscriber, a suppression, a mail or a link: what the answer depends on is what was sent,
-- and how much its network sent before.

-- name: request_sign_up
-- `notify` wakes the worker. NOTIFY lets the commits of the whole server pass one at a time, so it
-- is only asked for now and then: a worker that is awake looks by itself.
WITH agreed_text AS (
    SELECT t.purpose, t.locale, t.magnet_id
    FROM lm_consent_texts t
    JOIN lm_magnets m ON m.id = t.magnet_id
    WHERE t.id = ANY (%(consents)s::text[])
      AND (t.retired_at IS NULL OR t.retired_at > now() - %(text_grace)s::interval)
      AND (%(magnet)s::text IS NULL OR m.slug = %(magnet)s)
      AND m.retired_at IS NULL AND m.s3_key IS NOT NULL
), asked AS (
    SELECT min(magnet_id) AS magnet_id,
           coalesce(%(locale)s::text, min(locale) FILTER (WHERE purpose = 'delivery')) AS locale,
           count(*) = cardinality(%(consents)s::text[])
               AND count(DISTINCT purpose) = count(*)
               AND count(DISTINCT magnet_id) = 1 AS texts_known,
           coalesce(bool_or(purpose = 'delivery'), false) AS delivery_agreed
    FROM agreed_text
), network_counted AS MATERIALIZED (
    -- CASE, because AND promises no order of evaluation: what is refused is not counted.
    SELECT CASE WHEN texts_known AND delivery_agreed THEN
        lm_network_count(%(network_keys)s::bytea[], %(network_limits)s::int[]) END AS place
    FROM asked
), accepted AS (
    INSERT INTO lm_requests (kind, email, magnet_id, consents, locale, source, discard, network_key,
        turn, ip, user_agent)
    SELECT 'signup', %(email)s, asked.magnet_id, %(consents)s::text[], asked.locale,
           %(source)s::text, %(discard)s::boolean, %(network_key)s::bytea,
           network_counted.place - 1, %(ip)s::inet, %(user_agent)s::text
    FROM asked, network_counted
    WHERE network_counted.place IS NOT NULL
    RETURNING id
)
SELECT texts_known, delivery_agreed,
       %(magnet)s::text IS NULL OR EXISTS (
           SELECT FROM lm_magnets
           WHERE slug = %(magnet)s AND retired_at IS NULL AND s3_key IS NOT NULL) AS magnet_known,
       EXISTS (SELECT FROM accepted) AS accepted,
       CASE WHEN NOT EXISTS (SELECT FROM accepted) THEN extract(epoch FROM lm_limits_reached_until(
           %(network_keys)s::bytea[], %(network_limits)s::int[]) - now())::float END AS seconds,
       (SELECT pg_notify('lm_requests', '') FROM accepted WHERE %(notify)s::boolean) AS notified
FROM asked;

-- name: request_ask
-- For a link to what is held about an address (`privacy`), or a fresh one for an old one
-- (`renewal`).
WITH network_counted AS MATERIALIZED (
    SELECT lm_network_count(%(network_keys)s::bytea[], %(network_limits)s::int[]) AS place
), accepted AS (
    INSERT INTO lm_requests (kind, email, token_hash, network_key, turn, ip, user_agent)
    SELECT %(kind)s, %(email)s::text, %(token_hash)s::bytea, %(network_key)s::bytea, place - 1,
           %(ip)s::inet, %(user_agent)s::text
    FROM network_counted
    WHERE place IS NOT NULL
    RETURNING id
)
SELECT EXISTS (SELECT FROM accepted) AS accepted,
       CASE WHEN NOT EXISTS (SELECT FROM accepted) THEN extract(epoch FROM lm_limits_reached_until(
           %(network_keys)s::bytea[], %(network_limits)s::int[]) - now())::float END AS seconds,
       (SELECT pg_notify('lm_requests', '') FROM accepted WHERE %(notify)s::boolean) AS notified;

-- name: requests_overview
SELECT count(*) FILTER (WHERE failed_at IS NULL) AS waiting,
       count(*) FILTER (WHERE failed_at IS NOT NULL) AS failed,
       now() - min(accepted_at) FILTER (WHERE failed_at IS NULL) AS age
FROM lm_requests;

-- name: requests_failed
-- Ids and words, no addresses.
SELECT id, kind, attempts, reason, now() - accepted_at AS age
FROM lm_requests WHERE failed_at IS NOT NULL ORDER BY id LIMIT %(limit)s;

-- name: requests_retry
-- Failed requests wait again, with all their attempts; `ids` null means all of them.
WITH retried AS (
    UPDATE lm_requests
    SET failed_at = NULL, attempts = 0, due_at = now(), reason = NULL
    WHERE failed_at IS NOT NULL AND (%(ids)s::bigint[] IS NULL OR id = ANY (%(ids)s))
    RETURNING id
)
SELECT count(*) AS requests, pg_notify('lm_requests', '') FROM retried;
