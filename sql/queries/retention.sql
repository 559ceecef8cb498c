-- name: retention_unconfirmed
-- Who never pressed the button, some time after the last link to do so has expired. The locked row
-- is looked at once more, so that a press or a renewal of this moment keeps it.
WITH due AS (
    SELECT s.id FROM lm_subscribers s
    WHERE s.id > %(after)s AND s.status = 'pending'
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
SELECT count(*) AS found, max(id::text) AS last,
       count(*) FILTER (WHERE
           CASE WHEN %(dry_run)s THEN false ELSE lm_erase(id, 'retention', NULL, NULL) END) AS erased
FROM due;

-- name: retention_subscribers
-- Whose last act was so long ago: signup, renewal, confirmation, withdrawal, complaint. A bounce is
-- no act of hers.
WITH due AS (
    SELECT s.id FROM lm_subscribers s
    WHERE s.id > %(after)s AND s.asked_at <= now() - %(age)s::interval
      AND coalesce(s.privacy_asked_at, '-infinity') <= now() - %(age)s::interval
      AND (s.status = 'bounced' OR s.status_at <= now() - %(age)s::interval)
      AND NOT EXISTS (
          SELECT FROM lm_consent_events e
          WHERE e.subscriber_id = s.id AND e.type <> 'bounce'
            AND e.occurred_at > now() - %(age)s::interval)
    ORDER BY s.id
    LIMIT %(batch)s
    FOR UPDATE OF s SKIP LOCKED
)
SELECT count(*) AS found, max(id::text) AS last,
       count(*) FILTER (WHERE
           CASE WHEN %(dry_run)s THEN false ELSE lm_erase(id, 'retention', NULL, NULL) END) AS erased
FROM due;

-- name: retention_context
-- IP and user agent, oldest first; `after` is the last event that was looked at.
WITH due AS (
    SELECT event_id, created_at FROM lm_consent_context
    WHERE created_at <= now() - %(age)s::interval AND event_id > %(after)s
    ORDER BY event_id
    LIMIT %(batch)s
), deleted AS (
    DELETE FROM lm_consent_context c USING due
    WHERE c.event_id = due.event_id AND NOT %(dry_run)s
    RETURNING c.event_id
)
SELECT count(*) AS found, max(event_id) AS last, (SELECT count(*) FROM deleted) AS erased FROM due;
