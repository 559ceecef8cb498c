-- name: ses_event_record
-- One event of SES, stored and applied by one statement; a repeated one changes nothing.
-- Our tag finds the mail, even before we marked it sent; without a tag, SES's own message id does.
-- Only the pair is believed: the mail, and its subscriber's address among the event's recipients.
-- Anything else is another sender's in the same account, or about an erased person: a row without
-- subscriber, and no effect.
-- `status` is what the event makes of a subscriber, null for none; the strongest wins.
WITH mail AS (
    SELECT id, subscriber_id FROM lm_outbox WHERE id = %(outbox_id)s::bigint
    UNION
    SELECT id, subscriber_id FROM lm_outbox
    WHERE %(outbox_id)s::bigint IS NULL AND message_id = %(ses_message_id)s::text
), subscriber AS MATERIALIZED (
    SELECT s.id, s.status
    FROM lm_subscribers s
    WHERE s.id IN (SELECT subscriber_id FROM mail) AND s.email = ANY (%(recipients)s::text[])
    ORDER BY s.id
    FOR NO KEY UPDATE
), believed_mail AS (
    SELECT mail.id, mail.subscriber_id
    FROM mail JOIN subscriber ON subscriber.id = mail.subscriber_id
), event AS (
    INSERT INTO lm_ses_events (message_id, subscriber_id, outbox_id, type, detail)
    SELECT %(message_id)s, subscriber.id, believed_mail.id, %(type)s, %(detail)s::text
    -- One row even when no subscriber is found.
    FROM (VALUES (true)) AS always
    LEFT JOIN subscriber ON true
    LEFT JOIN believed_mail ON believed_mail.subscriber_id = subscriber.id
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
      AND lm_status_rank(%(status)s::text) > lm_status_rank(subscriber.status)
    RETURNING s.id
), ledger AS (
    INSERT INTO lm_consent_events (subscriber_id, type, gesture)
    SELECT id, CASE %(status)s::text WHEN 'complained' THEN 'complaint' ELSE 'bounce' END,
           'ses_event'
    FROM changed
), settled AS (
    UPDATE lm_outbox o
    SET state = 'sent', sent_at = now(),
        message_id = coalesce(o.message_id, %(ses_message_id)s::text),
        reason = NULL, network_key = NULL
    FROM believed_mail
    WHERE o.id = believed_mail.id AND o.state = 'queued' AND o.claims > 0 AND %(accepted)s::boolean
    RETURNING o.id
), refused AS (
    UPDATE lm_outbox o
    SET state = 'dead', sent_at = NULL, reason = 'Reject', network_key = NULL
    FROM believed_mail
    WHERE o.id = believed_mail.id AND o.state IN ('queued', 'sent') AND %(type)s::text = 'Reject'
    RETURNING o.id
)
SELECT EXISTS (SELECT FROM event) AS recorded,
       EXISTS (SELECT FROM subscriber) AS matched,
       ARRAY(SELECT id FROM changed) AS changed,
       ARRAY(SELECT id FROM settled) AS settled,
       ARRAY(SELECT id FROM refused) AS refused;

-- name: ses_event_repeat
-- What an event made of somebody, by the log: an operator repeats it after a restore.
WITH changed AS (
    UPDATE lm_subscribers s
    SET status = %(status)s::text, status_at = now(),
        newsletter = s.newsletter AND %(status)s::text = 'bounced',
        newsletter_at = CASE WHEN s.newsletter AND %(status)s::text <> 'bounced' THEN now()
                             ELSE s.newsletter_at END
    WHERE id = lm_current_id(%(subscriber_id)s::uuid)
      AND lm_status_rank(%(status)s::text) > lm_status_rank(s.status)
    RETURNING id
), ledger AS (
    INSERT INTO lm_consent_events (subscriber_id, type, gesture)
    SELECT id, CASE %(status)s::text WHEN 'complained' THEN 'complaint' ELSE 'bounce' END,
           'operator'
    FROM changed
)
SELECT EXISTS (SELECT FROM lm_subscribers
               WHERE id = lm_current_id(%(subscriber_id)s::uuid)) AS found,
       (SELECT id FROM changed) AS changed;
