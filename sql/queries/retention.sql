-- Each looks at so many rows, in the order of their key, and deletes at most a batch of them: no
-- statement reads a table whole, however long the list, and none needs an index that every signup
-- would have to keep up.

-- name: retention_unconfirmed
-- Subscribers still unconfirmed some days after their last link expired. Checked again under the
-- row's lock, so that a confirmation or a renewal of this moment wins.
WITH looked AS (
    SELECT id FROM lm_subscribers WHERE id > %(after)s ORDER BY id LIMIT %(look_at)s
), due AS (
    SELECT s.id FROM lm_subscribers s
    JOIN looked USING (id)
    WHERE s.status = 'pending'
      AND s.asked_at <= now() - %(age)s::interval - %(token_life)s::interval
      AND NOT EXISTS (
          SELECT FROM lm_download_tokens t
          WHERE t.subscriber_id = s.id AND t.kind = 'confirm'
            AND t.expires_at > now() - %(age)s::interval)
      AND NOT EXISTS (
          SELECT FROM lm_outbox o WHERE o.subscriber_id = s.id AND o.state = 'queued')
    ORDER BY s.id
    LIMIT %(batch)s
    FOR UPDATE OF s SKIP LOCKED
)
SELECT (SELECT count(*) FROM looked) AS looked,
       (SELECT count(*) FROM due) AS found,
       (SELECT max(id::text) FROM looked) AS last_looked,
       (SELECT max(id::text) FROM due) AS last_found,
       (SELECT count(*) FROM due WHERE CASE WHEN %(dry_run)s THEN false
            ELSE lm_erase(id, 'retention', NULL, NULL) END) AS erased;

-- name: retention_subscribers
-- Subscribers in one of these states whose last act was longer ago: signup, renewal, confirmation,
-- withdrawal, complaint. A bounce is no act of theirs, nor is an import.
WITH looked AS (
    SELECT id FROM lm_subscribers WHERE id > %(after)s ORDER BY id LIMIT %(look_at)s
), due AS (
    SELECT s.id FROM lm_subscribers s
    JOIN looked USING (id)
    WHERE s.status = ANY (%(statuses)s::text[]) AND s.asked_at <= now() - %(age)s::interval
      AND coalesce(s.privacy_asked_at, '-infinity') <= now() - %(age)s::interval
      AND (s.status = 'bounced' OR s.status_at <= now() - %(age)s::interval)
      AND NOT EXISTS (
          SELECT FROM lm_consent_events e
          WHERE e.subscriber_id = s.id AND e.type NOT IN ('bounce', 'import')
            AND e.occurred_at > now() - %(age)s::interval)
    ORDER BY s.id
    LIMIT %(batch)s
    FOR UPDATE OF s SKIP LOCKED
)
SELECT (SELECT count(*) FROM looked) AS looked,
       (SELECT count(*) FROM due) AS found,
       (SELECT max(id::text) FROM looked) AS last_looked,
       (SELECT max(id::text) FROM due) AS last_found,
       (SELECT count(*) FROM due WHERE CASE WHEN %(dry_run)s THEN false
            ELSE lm_erase(id, 'retention', NULL, NULL) END) AS erased;

-- name: retention_context
-- IP and user agent.
WITH looked AS (
    SELECT event_id FROM lm_consent_context WHERE event_id > %(after)s
    ORDER BY event_id LIMIT %(look_at)s
), due AS (
    SELECT x.event_id FROM lm_consent_context x
    JOIN looked USING (event_id)
    WHERE x.created_at <= now() - %(age)s::interval
    ORDER BY x.event_id
    LIMIT %(batch)s
), deleted AS (
    DELETE FROM lm_consent_context x USING due
    WHERE x.event_id = due.event_id AND NOT %(dry_run)s
    RETURNING x.event_id
)
SELECT (SELECT count(*) FROM looked) AS looked,
       (SELECT count(*) FROM due) AS found,
       (SELECT max(event_id) FROM looked) AS last_looked,
       (SELECT max(event_id) FROM due) AS last_found,
       (SELECT count(*) FROM deleted) AS erased;

-- name: retention_requests
-- What failed, or waited for a worker that never came; a worker that settles one right now wins.
WITH looked AS (
    SELECT id FROM lm_requests WHERE id > %(after)s ORDER BY id LIMIT %(look_at)s
), due AS (
    SELECT x.id FROM lm_requests x
    JOIN looked USING (id)
    WHERE x.accepted_at <= now() - %(age)s::interval
    ORDER BY x.id
    LIMIT %(batch)s
    FOR UPDATE OF x SKIP LOCKED
), deleted AS (
    DELETE FROM lm_requests x USING due
    WHERE x.id = due.id AND NOT %(dry_run)s
    RETURNING x.id
)
SELECT (SELECT count(*) FROM looked) AS looked,
       (SELECT count(*) FROM due) AS found,
       (SELECT max(id) FROM looked) AS last_looked,
       (SELECT max(id) FROM due) AS last_found,
       (SELECT count(*) FROM deleted) AS erased;

-- name: retention_tokens
-- Links that expired long ago. Until then a click on one offers a fresh link.
WITH looked AS (
    SELECT id FROM lm_download_tokens WHERE id > %(after)s ORDER BY id LIMIT %(look_at)s
), due AS (
    SELECT x.id FROM lm_download_tokens x
    JOIN looked USING (id)
    WHERE x.expires_at <= now() - %(age)s::interval
    ORDER BY x.id
    LIMIT %(batch)s
), deleted AS (
    DELETE FROM lm_download_tokens x USING due
    WHERE x.id = due.id AND NOT %(dry_run)s
    RETURNING x.id
)
SELECT (SELECT count(*) FROM looked) AS looked,
       (SELECT count(*) FROM due) AS found,
       (SELECT max(id) FROM looked) AS last_looked,
       (SELECT max(id) FROM due) AS last_found,
       (SELECT count(*) FROM deleted) AS erased;

-- name: retention_webhook_events
-- What an endpoint was told, or could not be. An erasure that it has not acknowledged stays, to be
-- sent again.
WITH looked AS (
    SELECT id FROM lm_webhook_events WHERE id > %(after)s ORDER BY id LIMIT %(look_at)s
), due AS (
    SELECT x.id FROM lm_webhook_events x
    JOIN looked USING (id)
    WHERE x.occurred_at <= now() - %(age)s::interval
      AND (x.kind <> 'subscriber.erased' OR x.state = 'delivered')
    ORDER BY x.id
    LIMIT %(batch)s
    FOR UPDATE OF x SKIP LOCKED
), deleted AS (
    DELETE FROM lm_webhook_events x USING due
    WHERE x.id = due.id AND NOT %(dry_run)s
    RETURNING x.id
)
SELECT (SELECT count(*) FROM looked) AS looked,
       (SELECT count(*) FROM due) AS found,
       (SELECT max(id::text) FROM looked) AS last_looked,
       (SELECT max(id::text) FROM due) AS last_found,
       (SELECT count(*) FROM deleted) AS erased;

-- name: retention_erasure_links
-- What erasing links did, once they have expired.
WITH looked AS (
    SELECT token_hash FROM lm_erasure_links WHERE token_hash > %(after)s
    ORDER BY token_hash LIMIT %(look_at)s
), due AS (
    SELECT x.token_hash FROM lm_erasure_links x
    JOIN looked USING (token_hash)
    WHERE x.expires_at <= now() - %(age)s::interval
    ORDER BY x.token_hash
    LIMIT %(batch)s
), deleted AS (
    DELETE FROM lm_erasure_links x USING due
    WHERE x.token_hash = due.token_hash AND NOT %(dry_run)s
    RETURNING x.token_hash
)
SELECT (SELECT count(*) FROM looked) AS looked,
       (SELECT count(*) FROM due) AS found,
       (SELECT max(token_hash) FROM looked) AS last_looked,
       (SELECT max(token_hash) FROM due) AS last_found,
       (SELECT count(*) FROM deleted) AS erased;
