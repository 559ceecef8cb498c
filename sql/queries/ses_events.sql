-- name: ses_event_record
-- One event of SES, stored and applied by one statement; a repeated one changes nothing.
-- Our tag finds the mail, even before we marked it sent; then SES's own message id; the addresses
-- serve only where neither is known to us (feedback of an identity shared with other senders).
-- A tag whose mail is gone belongs to somebody erased: nothing comes back.
-- `status` is what the event makes of a subscriber, null for none; the strongest wins.
WITH mail AS (
    SELECT id, subscriber_id FROM lm_outbox WHERE id = %(outbox_id)s::bigint
    UNION
    SELECT id, subscriber_id FROM lm_outbox
    WHERE %(outbox_id)s::bigint IS NULL AND message_id = %(ses_message_id)s::text
), subscriber AS MATERIALIZED (
    SELECT s.id, s.status
    FROM lm_subscribers s
    WHERE s.id IN (
        SELECT subscriber_id FROM mail
        UNION
        SELECT id FROM lm_subscribers
        WHERE %(outbox_id)s::bigint IS NULL AND NOT EXISTS (SELECT FROM mail)
          AND email = ANY (%(recipients)s::text[]))
    ORDER BY s.id
    FOR NO KEY UPDATE
), event AS (
    INSERT INTO lm_ses_events (message_id, subscriber_id, outbox_id, type, detail)
    SELECT %(message_id)s, subscriber.id, mail.id, %(type)s, %(detail)s::text
    FROM (VALUES (true)) AS always
    LEFT JOIN subscriber ON true
    LEFT JOIN mail ON mail.subscriber_id = subscriber.id
    ON CONFLICT DO NOTHING
    RETURNING subscriber_id
), changed AS (
    UPDATE lm_subscribers s
    SET status = %(status)s::text, status_at = now(),
        newsletter = s.newsletter AND %(status)s::text = 'bounced',
        newsletter_at = CASE WHEN s.newsletter AND %(status)s::text <> 'bounced' THEN now()
                             ELSE s.newsletter_at END
    FROM event
    JOIN subscriber ON subscriber.id = event.subscriber_id
    WHERE s.id = subscriber.id
      AND array_position(ARRAY['pending', 'confirmed', 'bounced', 'unsubscribed', 'complained'], %(status)s::text)
        > array_position(ARRAY['pending', 'confirmed', 'bounced', 'unsubscribed', 'complained'], subscriber.status)
    RETURNING s.id
), ledger AS (
    INSERT INTO lm_consent_events (subscriber_id, type, gesture)
    SELECT id, CASE %(status)s::text WHEN 'complained' THEN 'complaint' ELSE 'bounce' END, 'ses_event'
    FROM changed
), settled AS (
    UPDATE lm_outbox o
    SET state = 'sent', sent_at = now(), message_id = coalesce(o.message_id, %(ses_message_id)s::text),
        reason = NULL
    FROM mail
    WHERE o.id = mail.id AND o.state = 'queued' AND o.claims > 0 AND %(accepted)s::boolean
    RETURNING o.id
), refused AS (
    UPDATE lm_outbox o
    SET state = 'dead', sent_at = NULL, reason = 'Reject'
    FROM mail
    WHERE o.id = mail.id AND o.state IN ('queued', 'sent') AND %(type)s::text = 'Reject'
    RETURNING o.id
)
SELECT (SELECT count(*) FROM event) AS recorded,
       ARRAY(SELECT id FROM changed) AS changed,
       ARRAY(SELECT id FROM settled) AS settled,
       ARRAY(SELECT id FROM refused) AS refused;
