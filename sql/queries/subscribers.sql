-- name: subscriber_sign_up
-- One statement, so one round trip and one transaction: the wordings are checked, the subscriber
-- is written, the mail is queued, the ledger gets its events.
-- The upsert returns a row only when a mail is due: its WHERE sees the newest version of the row
-- after any wait for its lock, so that fifty signups at once queue one mail. Without that row
-- nothing else is written. A caller learns none of this: it sees only what the page sent wrong.
-- The worker is woken only when no other mail is due: else it is awake, and it looks each second in
-- any case. NOTIFY lets the commits of the whole server pass one at a time, each with its fsync.
-- `heed` false makes the same statement write nothing (a bot's signup, a role address).
WITH text AS (
    SELECT t.id, t.purpose, t.locale, t.policy_version, t.magnet_id
    FROM lm_consent_texts t
    JOIN lm_magnets m ON m.id = t.magnet_id
    WHERE t.id = ANY (%(consents)s::text[])
      AND (t.retired_at IS NULL OR t.retired_at > now() - %(text_grace)s::interval)
      AND (%(magnet)s::text IS NULL OR m.slug = %(magnet)s)
      AND m.retired_at IS NULL
), request AS (
    SELECT min(magnet_id) AS magnet_id,
           coalesce(%(locale)s::text, min(locale) FILTER (WHERE purpose = 'delivery')) AS locale,
           count(*) = cardinality(%(consents)s::text[])
               AND count(DISTINCT purpose) = count(*)
               AND count(DISTINCT magnet_id) = 1 AS texts_known,
           coalesce(bool_or(purpose = 'delivery'), false) AS delivery_agreed
    FROM text
), subscriber AS (
    INSERT INTO lm_subscribers AS s (email, locale, source, asked_consents)
    SELECT %(email)s, locale, %(source)s::text, %(consents)s::text[]
    FROM request
    WHERE texts_known AND delivery_agreed AND %(heed)s::boolean
    ON CONFLICT (email) DO UPDATE
    SET asked_at = now(), asked_consents = EXCLUDED.asked_consents
    WHERE s.status NOT IN ('bounced', 'complained')
      AND (s.asked_at <= now() - %(cool_down)s::interval OR s.asked_consents <> EXCLUDED.asked_consents)
    RETURNING s.id
), mail AS (
    INSERT INTO lm_outbox (subscriber_id, magnet_id, locale, consents)
    SELECT subscriber.id, request.magnet_id, request.locale, %(consents)s::text[]
    FROM subscriber, request
    RETURNING id
), event AS (
    INSERT INTO lm_consent_events
        (subscriber_id, type, purpose, consent_text_id, policy_version, locale, gesture)
    SELECT subscriber.id, 'signup', text.purpose, text.id, text.policy_version, text.locale, 'signup_form'
    FROM subscriber, text
    RETURNING id
), context AS (
    INSERT INTO lm_consent_context (event_id, ip, user_agent)
    SELECT id, %(ip)s::inet, %(user_agent)s::text FROM event
)
SELECT texts_known, delivery_agreed,
       %(magnet)s::text IS NULL OR EXISTS (
           SELECT FROM lm_magnets WHERE slug = %(magnet)s AND retired_at IS NULL) AS magnet_known,
       (SELECT id FROM subscriber) AS subscriber_id,
       (SELECT count(pg_notify('lm_outbox', '')) FROM mail
        WHERE NOT EXISTS (
            SELECT FROM lm_outbox WHERE state = 'queued' AND due_at <= now())) AS woken
FROM request;

-- name: subscriber_confirm
-- The press of the button. Everything hangs on the locked subscriber: twenty presses at once come
-- one after another, the first changes the row and writes the events, all are counted as uses.
-- The lock is taken before the token's, in the order an erasure takes them.
WITH token AS (
    SELECT t.id, t.kind, t.subscriber_id, t.use_count, t.expires_at > now() AS live,
           o.consents, o.created_at AS asked_at, o.locale,
           m.slug, m.s3_key, m.file_name, m.file_missing_since IS NOT NULL AS file_missing
    FROM lm_download_tokens t
    JOIN lm_outbox o ON o.id = t.outbox_id
    JOIN lm_magnets m ON m.id = o.magnet_id
    WHERE t.token_hash = %(token_hash)s
), text AS (
    SELECT t.id, t.purpose, t.policy_version, t.locale
    FROM lm_consent_texts t
    JOIN token ON t.id = ANY (token.consents)
), asked AS (
    SELECT EXISTS (SELECT FROM text WHERE purpose = 'newsletter') AS newsletter
), subscriber AS MATERIALIZED (
    SELECT s AS locked
    FROM lm_subscribers s
    JOIN token ON token.subscriber_id = s.id AND token.live AND token.use_count < %(max_uses)s
    FOR NO KEY UPDATE OF s
), confirmed AS (
    UPDATE lm_subscribers s
    SET status = 'confirmed', status_at = now(), locale = token.locale,
        confirmed_at = coalesce(s.confirmed_at, now()),
        newsletter = s.newsletter OR asked.newsletter,
        newsletter_at = CASE WHEN asked.newsletter THEN now() ELSE s.newsletter_at END
    FROM token, asked, subscriber
    WHERE s.id = (subscriber.locked).id
      AND lm_may_confirm(subscriber.locked, token.kind, token.asked_at, asked.newsletter)
    RETURNING s.id
), event AS (
    INSERT INTO lm_consent_events
        (subscriber_id, type, purpose, consent_text_id, policy_version, locale, gesture)
    SELECT confirmed.id, 'confirm', text.purpose, text.id, text.policy_version, text.locale, 'confirm_button'
    FROM confirmed, text
    RETURNING id
), context AS (
    INSERT INTO lm_consent_context (event_id, ip, user_agent)
    SELECT id, %(ip)s::inet, %(user_agent)s::text FROM event
), used AS (
    UPDATE lm_download_tokens t
    SET use_count = t.use_count + 1
    FROM token, subscriber
    WHERE t.id = token.id AND t.use_count < %(max_uses)s
      AND ((subscriber.locked).confirmed_at IS NOT NULL OR EXISTS (SELECT FROM confirmed))
    RETURNING t.id
)
SELECT token.id AS token_id, token.subscriber_id, token.slug, token.s3_key, token.file_name,
       token.file_missing, now() + %(url_life)s::interval AS expires_at,
       CASE
           WHEN NOT token.live THEN 'expired'
           WHEN token.use_count >= %(max_uses)s THEN 'used_up'
           WHEN NOT EXISTS (SELECT FROM subscriber) THEN 'unknown'
           WHEN EXISTS (SELECT FROM confirmed) THEN 'confirmed'
           WHEN EXISTS (SELECT FROM used) THEN 'already_confirmed'
           WHEN (SELECT (locked).confirmed_at FROM subscriber) IS NULL THEN 'expired'
           ELSE 'used_up'
       END AS outcome
FROM token;

-- name: subscriber_renew_link
-- The holder of any link, expired or not, asks for a fresh one; the cool-down is the signup's.
WITH token AS (
    SELECT t.subscriber_id, o.magnet_id, o.locale, o.consents
    FROM lm_download_tokens t
    JOIN lm_outbox o ON o.id = t.outbox_id
    WHERE t.token_hash = %(token_hash)s
), subscriber AS (
    UPDATE lm_subscribers s
    SET asked_at = now(), asked_consents = token.consents
    FROM token
    WHERE s.id = token.subscriber_id
      AND s.status NOT IN ('bounced', 'complained')
      AND s.asked_at <= now() - %(cool_down)s::interval
    RETURNING s.id
), mail AS (
    INSERT INTO lm_outbox (subscriber_id, magnet_id, locale, consents)
    SELECT subscriber.id, token.magnet_id, token.locale, token.consents
    FROM subscriber, token
    RETURNING id
), event AS (
    INSERT INTO lm_consent_events
        (subscriber_id, type, purpose, consent_text_id, policy_version, locale, gesture)
    SELECT subscriber.id, 'resend', t.purpose, t.id, t.policy_version, t.locale, 'renew_button'
    FROM subscriber, token, lm_consent_texts t
    WHERE t.id = ANY (token.consents)
    RETURNING id
), context AS (
    INSERT INTO lm_consent_context (event_id, ip, user_agent)
    SELECT id, %(ip)s::inet, %(user_agent)s::text FROM event
)
SELECT (SELECT id FROM subscriber) AS subscriber_id,
       (SELECT count(pg_notify('lm_outbox', '')) FROM mail) AS mails;

-- name: subscriber_unsubscribe
-- Repeatable: only the first of many changes the row and writes an event. Before a confirmation
-- it means "this was not me". A complaint is stronger and stays.
WITH subscriber AS (
    UPDATE lm_subscribers
    SET status = 'unsubscribed', status_at = now(), newsletter = false, newsletter_at = now()
    WHERE id = %(subscriber_id)s AND status IN ('pending', 'confirmed', 'bounced')
    RETURNING id
), event AS (
    INSERT INTO lm_consent_events (subscriber_id, type, gesture)
    SELECT id, 'unsubscribe', %(gesture)s FROM subscriber
    RETURNING id
), context AS (
    INSERT INTO lm_consent_context (event_id, ip, user_agent)
    SELECT id, %(ip)s::inet, %(user_agent)s::text FROM event
)
SELECT EXISTS (SELECT FROM lm_subscribers WHERE id = %(subscriber_id)s) AS found,
       EXISTS (SELECT FROM subscriber) AS changed;

-- name: subscriber_subscription
SELECT status, newsletter FROM lm_subscribers WHERE id = %(subscriber_id)s;
