-- name: subscriber_confirm
-- Confirms the address behind a link and counts the use. Everything hangs on the locked subscriber:
-- twenty clicks at once come one after another, the first changes the row and writes the events,
-- all are counted as uses. The lock is taken before the token's, in the order an erasure takes
-- them.
WITH token AS (
    SELECT t.id, t.kind, t.subscriber_id, t.use_count, t.expires_at > now() AS live,
           o.consents, o.asked_at, o.locale, lm_asks_newsletter(o.consents) AS asks_newsletter,
           m.slug, m.s3_key, m.file_name, f.id AS file_id,
           f.id IS NULL OR m.file_missing_since IS NOT NULL AS file_missing
    FROM lm_download_tokens t
    JOIN lm_outbox o ON o.id = t.outbox_id
    JOIN lm_magnets m ON m.id = o.magnet_id
    LEFT JOIN lm_magnet_files f ON f.magnet_id = m.id AND f.s3_key = m.s3_key
    WHERE t.token_hash = %(token_hash)s
), locked_subscriber AS MATERIALIZED (
    -- The whole row as one value: the rule below takes it as an argument.
    SELECT s AS held
    FROM lm_subscribers s
    JOIN token ON token.subscriber_id = s.id AND token.live AND token.use_count < %(max_uses)s
    FOR NO KEY UPDATE OF s
), confirmed AS (
    UPDATE lm_subscribers s
    SET status = 'confirmed', status_at = now(), locale = token.locale,
        confirmed_at = coalesce(s.confirmed_at, now()),
        newsletter = s.newsletter OR agreed.newsletter,
        newsletter_at = CASE WHEN agreed.newsletter THEN now() ELSE s.newsletter_at END
    FROM token, locked_subscriber, LATERAL (
        -- Unless they have said no to it since.
        SELECT token.asks_newsletter AND token.asked_at
            > coalesce((locked_subscriber.held).newsletter_at, '-infinity') AS newsletter
    ) agreed
    WHERE s.id = (locked_subscriber.held).id
      AND lm_may_confirm(locked_subscriber.held, token.kind, token.asked_at, token.asks_newsletter)
    RETURNING s.id, s.newsletter
), recorded AS (
    SELECT lm_consent_record(confirmed.id, 'confirm', 'confirm_button', ARRAY(
        SELECT t.id FROM token, lm_consent_texts t
        WHERE t.id = ANY (token.consents) AND (t.purpose <> 'newsletter' OR confirmed.newsletter)
    ), NULL, %(ip)s::inet, %(user_agent)s::text) AS events
    FROM confirmed
), used AS (
    UPDATE lm_download_tokens t
    SET use_count = t.use_count + 1
    FROM token, locked_subscriber
    WHERE t.id = token.id AND t.use_count < %(max_uses)s
      AND ((locked_subscriber.held).confirmed_at IS NOT NULL OR EXISTS (SELECT FROM confirmed))
    RETURNING t.id
), handed_out AS (
    INSERT INTO lm_downloads AS d (subscriber_id, file_id)
    SELECT token.subscriber_id, token.file_id FROM token, used WHERE NOT token.file_missing
    ON CONFLICT (subscriber_id, file_id) DO UPDATE SET times = d.times + 1
)
SELECT token.id AS token_id, token.subscriber_id, token.slug, token.s3_key, token.file_name,
       token.file_id, token.file_missing, now() + %(url_life)s::interval AS expires_at,
       (SELECT events FROM recorded) AS events,
       coalesce((SELECT newsletter FROM confirmed),
                (SELECT (held).newsletter FROM locked_subscriber)) AS newsletter,
       CASE
           WHEN NOT token.live THEN 'expired'
           WHEN token.use_count >= %(max_uses)s THEN 'used_up'
           WHEN NOT EXISTS (SELECT FROM locked_subscriber) THEN 'unknown'
           WHEN EXISTS (SELECT FROM confirmed) THEN 'confirmed'
           WHEN EXISTS (SELECT FROM used) THEN 'already_confirmed'
           WHEN (SELECT (held).confirmed_at FROM locked_subscriber) IS NULL THEN 'expired'
           ELSE 'used_up'
       END AS outcome
FROM token;

-- name: subscriber_unsubscribe
-- Repeatable: only the first of many changes the row and writes an event. Before a confirmation,
-- and where somebody asked again for an address that had said no, it means "this was not me". A
-- complaint is stronger and stays.
WITH unsubscribed AS (
    UPDATE lm_subscribers s
    SET status = 'unsubscribed', status_at = now(), newsletter = false, newsletter_at = now(),
        not_me_at = CASE WHEN s.confirmed_at IS NULL OR s.status = 'unsubscribed' THEN now() END
    WHERE id = lm_current_id(%(subscriber_id)s) AND lm_may_unsubscribe(s)
    RETURNING id
), recorded AS (
    SELECT lm_consent_record(id, 'unsubscribe', %(gesture)s, NULL, NULL, %(ip)s::inet,
        %(user_agent)s::text) AS events
    FROM unsubscribed
)
SELECT EXISTS (SELECT FROM lm_subscribers
               WHERE id = lm_current_id(%(subscriber_id)s)) AS found,
       EXISTS (SELECT FROM recorded) AS changed;

-- name: subscriber_end_newsletter
-- Ends only the newsletter, confirmed or merely requested; links in older mails can no longer
-- confirm it.
WITH ended AS (
    UPDATE lm_subscribers s
    SET newsletter = false, newsletter_at = now()
    WHERE id = lm_current_id(%(subscriber_id)s) AND (newsletter OR (
        asked_at > coalesce(newsletter_at, '-infinity') AND lm_asks_newsletter(s.asked_consents)))
    RETURNING id
), recorded AS (
    SELECT lm_consent_record(id, 'unsubscribe', %(gesture)s, NULL, 'newsletter', %(ip)s::inet,
        %(user_agent)s::text) AS events
    FROM ended
)
SELECT EXISTS (SELECT FROM lm_subscribers
               WHERE id = lm_current_id(%(subscriber_id)s)) AS found,
       EXISTS (SELECT FROM recorded) AS changed;

-- name: subscriber_subscription
-- A no that can be said once more waits for an answer, as before any confirmation.
SELECT CASE WHEN status = 'unsubscribed' AND lm_may_unsubscribe(s) THEN 'pending' ELSE status
       END AS status, newsletter, locale,
       CASE WHEN lm_was_not_me(s, %(not_me)s::interval) THEN not_me_at + %(not_me)s::interval
       END AS not_me_until
FROM lm_subscribers s WHERE id = lm_current_id(%(subscriber_id)s);

-- name: subscriber_find
SELECT id, email FROM lm_subscribers
WHERE id = %(subscriber_id)s::uuid OR email = %(email)s::text;
