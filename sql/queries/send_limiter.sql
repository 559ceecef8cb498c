-- name: send_limiter_hold
-- Nothing goes until an operator resumes; a mail in hand is finished.
UPDATE lm_send_limiter SET hold_reason = %(reason)s WHERE hold_reason IS NULL RETURNING only_row;

-- name: send_limiter_hold_after_bounces
-- When more than `most` of the last hundred mails have bounced for good, since the last resume.
WITH latest AS (
    SELECT o.id, o.subscriber_id
    FROM lm_outbox o
    WHERE o.state = 'sent' AND o.sent_at > (SELECT resumed_at FROM lm_send_limiter)
    ORDER BY o.sent_at DESC
    LIMIT 100
), bounced AS (
    SELECT count(*) AS mails FROM latest
    WHERE EXISTS (
        SELECT FROM lm_ses_events e
        WHERE e.subscriber_id = latest.subscriber_id AND e.outbox_id = latest.id
          AND e.type = 'Bounce' AND e.detail LIKE 'Permanent/%%')
)
UPDATE lm_send_limiter SET hold_reason = 'bounces'
FROM bounced
WHERE bounced.mails > %(most)s::int AND hold_reason IS NULL
RETURNING bounced.mails;

-- name: send_limiter_recognise_database
-- A copy or a restored dump has another identity than the limiter's row remembers.
WITH here AS (
    SELECT c.system_identifier || '/' || d.oid AS id
    FROM pg_control_system() c, pg_database d
    WHERE d.datname = current_database()
)
UPDATE lm_send_limiter
SET hold_reason = CASE WHEN database_id IS NULL THEN hold_reason ELSE 'database_copied' END,
    database_id = here.id
FROM here
WHERE database_id IS DISTINCT FROM here.id
RETURNING hold_reason;

-- name: send_limiter_resume
-- The operator has fixed it: mails may go, and what waited for that is due. A mail in hand has no
-- reason, and stays its worker's.
WITH resumed AS (
    UPDATE lm_send_limiter
    SET next_at = now(), throttles = 0, throttled_at = '-infinity', pause_reason = NULL,
        pause_sentence = NULL, odd_reason = NULL, odd_mails = '{}', hold_reason = NULL,
        resumed_at = now()
    RETURNING only_row
), released AS (
    UPDATE lm_outbox
    SET due_at = now()
    FROM resumed
    WHERE state = 'queued' AND due_at > now()
      AND (reason IS NOT NULL OR due_at > now() + interval '3 hours')
    RETURNING id
)
SELECT (SELECT count(*) FROM released) AS mails, pg_notify('lm_outbox', '');

-- name: send_limiter_state
SELECT greatest(next_at - now(), interval '0') AS wait, throttles, pause_reason, pause_sentence,
       hold_reason
FROM lm_send_limiter;
