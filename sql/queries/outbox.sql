-- name: outbox_claim
-- Takes the mail that has been due longest, for the length of the lease, and stores the hash of
-- the token that its link will carry. The subscriber is looked at here, right before the call to
-- SES: nothing goes to somebody who left, bounced or complained while the mail was queued.
WITH due AS (
    SELECT o.id,
           CASE
               WHEN s.status IN ('bounced', 'complained') THEN s.status
               WHEN s.status = 'unsubscribed' AND s.status_at > o.created_at
                   AND o.purpose = 'link' THEN s.status
           END AS objection,
           CASE
               WHEN o.purpose = 'privacy' THEN 'privacy'
               WHEN s.status = 'confirmed' AND (s.newsletter OR NOT EXISTS (
                   SELECT FROM lm_consent_texts t
                   WHERE t.id = ANY (o.consents) AND t.purpose = 'newsletter')) THEN 'file'
               ELSE 'confirmation'
           END AS kind,
           s.email
    FROM lm_outbox o
    JOIN lm_subscribers s ON s.id = o.subscriber_id
    WHERE o.state = 'queued' AND o.due_at <= now()
    ORDER BY o.due_at
    LIMIT 1
    FOR UPDATE OF o SKIP LOCKED
), claimed AS (
    UPDATE lm_outbox o
    SET state = CASE WHEN due.objection IS NULL THEN 'queued' ELSE 'cancelled' END,
        reason = coalesce(due.objection, o.reason),
        kind = due.kind, claims = o.claims + 1, due_at = now() + %(lease)s::interval
    FROM due
    WHERE o.id = due.id
    RETURNING o.id, o.subscriber_id, o.magnet_id, o.state, o.reason, o.kind, o.locale, o.claims,
        o.attempts, due.email
), token AS (
    INSERT INTO lm_download_tokens (token_hash, kind, subscriber_id, outbox_id, expires_at)
    SELECT %(token_hash)s,
           CASE kind WHEN 'file' THEN 'download_only' WHEN 'privacy' THEN 'privacy' ELSE 'confirm' END,
           subscriber_id, id, now()
               + CASE kind WHEN 'privacy' THEN %(privacy_life)s::interval ELSE %(token_life)s::interval END
    FROM claimed
    WHERE state = 'queued'
)
SELECT claimed.id, claimed.subscriber_id, claimed.state, claimed.reason, claimed.kind,
       claimed.locale, claimed.claims, claimed.attempts, claimed.email,
       m.title ->> claimed.locale AS magnet_title
FROM claimed
LEFT JOIN lm_magnets m ON m.id = claimed.magnet_id;

-- name: outbox_sent
-- `claims` is the fencing token: a worker that was away longer than its lease marks nothing.
UPDATE lm_outbox
SET state = 'sent', sent_at = now(), message_id = %(message_id)s, reason = NULL
WHERE id = %(id)s AND claims = %(claims)s AND state = 'queued'
RETURNING id;

-- name: outbox_postpone
UPDATE lm_outbox
SET due_at = now() + %(delay)s::interval, attempts = attempts + %(attempts)s::int, reason = %(reason)s
WHERE id = %(id)s AND claims = %(claims)s AND state = 'queued'
RETURNING id;

-- name: outbox_bury
UPDATE lm_outbox
SET state = 'dead', attempts = attempts + 1, reason = %(reason)s
WHERE id = %(id)s AND claims = %(claims)s AND state = 'queued'
RETURNING id;
