-- name: subscriber_sign_up
-- One statement, so one round trip and one transaction: the wordings are checked, the limits are
-- counted, the subscriber is written, the mail is queued, the ledger gets its events.
-- Each step takes its row from the step before, so the locks are always taken in one order:
-- network, subscriber, address, mails of the hour, outcome. Parallel signups wait, never deadlock.
-- A step's upsert returns a row only when the chain goes on: its WHERE sees the newest version of
-- the row after any wait for its lock, so that fifty signups at once queue one mail, and the
-- fourth mail to an address is never queued. The look at a limit before its upsert spares a
-- refused try the write; the upsert decides.
-- The worker is woken only for a mail that is due when no other is: else it is awake, and it looks
-- each second in any case. NOTIFY lets the commits of the whole server pass one at a time, each with its fsync.
-- `heed` false counts the try and writes nothing else (a bot's signup, a role address). A caller
-- learns none of this: it sees what the page sent wrong, or that its network is over its limit.
WITH text AS (
    SELECT t.id, t.purpose, t.locale, t.magnet_id
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
), spent AS (
    SELECT key, ends_at FROM lm_signup_limits
    WHERE ends_at > now()
      AND (key = %(network_key)s::bytea AND n >= %(network_limit)s::int
           OR key = %(address_key)s::bytea AND n >= %(address_limit)s::int)
), network AS (
    INSERT INTO lm_signup_limits AS l (key, ends_at)
    SELECT %(network_key)s::bytea, now() + interval '1 hour'
    FROM request
    WHERE texts_known AND delivery_agreed
      AND NOT EXISTS (SELECT FROM spent WHERE key = %(network_key)s::bytea)
    ON CONFLICT (key) DO UPDATE
    SET n = CASE WHEN l.ends_at <= now() THEN 1 ELSE l.n + 1 END,
        ends_at = CASE WHEN l.ends_at <= now() THEN EXCLUDED.ends_at ELSE l.ends_at END
    WHERE l.ends_at <= now() OR l.n < %(network_limit)s::int
    RETURNING l.key
), subscriber AS (
    INSERT INTO lm_subscribers AS s (email, address_key, locale, source, asked_consents)
    SELECT %(email)s, %(address_key)s::bytea, request.locale, %(source)s::text, %(consents)s::text[]
    FROM network, request
    WHERE %(heed)s::boolean
      AND NOT EXISTS (SELECT FROM lm_suppressions WHERE address_hash = %(suppression)s)
      AND NOT EXISTS (SELECT FROM spent WHERE key = %(address_key)s::bytea)
    ON CONFLICT (email) DO UPDATE
    SET asked_at = now(), asked_consents = EXCLUDED.asked_consents, address_key = EXCLUDED.address_key
    WHERE s.status NOT IN ('bounced', 'complained')
      AND (s.asked_at <= now() - %(cool_down)s::interval
           OR s.asked_consents <> EXCLUDED.asked_consents AND NOT EXISTS (
               SELECT FROM lm_outbox o
               WHERE o.subscriber_id = s.id AND o.consents = EXCLUDED.asked_consents
                 AND o.created_at > now() - %(cool_down)s::interval))
    RETURNING s.id
), address AS (
    INSERT INTO lm_signup_limits AS l (key, ends_at)
    SELECT %(address_key)s::bytea, now() + %(address_window)s::interval FROM subscriber
    ON CONFLICT (key) DO UPDATE
    SET n = CASE WHEN l.ends_at <= now() THEN 1 ELSE l.n + 1 END,
        ends_at = CASE WHEN l.ends_at <= now() THEN EXCLUDED.ends_at ELSE l.ends_at END
    WHERE l.ends_at <= now() OR l.n < %(address_limit)s::int
    RETURNING l.key
), hour AS (
    -- A full hour opens the next one: its mails are queued all the same, but due when it starts.
    INSERT INTO lm_signup_limits AS l (key, ends_at)
    SELECT %(hour_key)s::bytea, now() + interval '1 hour' FROM address
    ON CONFLICT (key) DO UPDATE
    SET n = CASE WHEN l.ends_at <= now() OR l.n >= %(hour_limit)s::int THEN 1 ELSE l.n + 1 END,
        ends_at = CASE
            WHEN l.ends_at <= now() THEN EXCLUDED.ends_at
            WHEN l.n >= %(hour_limit)s::int THEN l.ends_at + interval '1 hour'
            ELSE l.ends_at
        END
    RETURNING l.n, l.ends_at - interval '1 hour' AS starts_at
), mail AS (
    INSERT INTO lm_outbox (subscriber_id, magnet_id, locale, consents, due_at)
    SELECT subscriber.id, request.magnet_id, request.locale, %(consents)s::text[],
           greatest(now(), hour.starts_at)
    FROM subscriber, request, hour
    RETURNING id, due_at
), event AS (
    INSERT INTO lm_consent_events (subscriber_id, type, consent_text_id, locale, gesture)
    SELECT subscriber.id, 'signup', text.id, text.locale, 'signup_form'
    FROM subscriber, text
    WHERE EXISTS (SELECT FROM mail)
    RETURNING id
), context AS (
    INSERT INTO lm_consent_context (event_id, ip, user_agent)
    SELECT id, %(ip)s::inet, %(user_agent)s::text FROM event
), outcome AS (
    INSERT INTO lm_signup_outcomes AS o (day, outcome, slot)
    SELECT current_date, CASE
               -- First, so that the locks above come before this row's.
               WHEN EXISTS (SELECT FROM mail) THEN 'queued'
               WHEN NOT %(heed)s::boolean THEN 'ignored'
               WHEN EXISTS (SELECT FROM lm_subscribers
                            WHERE email = %(email)s AND status IN ('bounced', 'complained'))
                   OR EXISTS (SELECT FROM lm_suppressions WHERE address_hash = %(suppression)s)
                   THEN 'suppressed'
               WHEN EXISTS (SELECT FROM spent) OR EXISTS (SELECT FROM subscriber) THEN 'capped'
               ELSE 'cool_down'
           END, %(slot)s::smallint
    FROM network
    ON CONFLICT (day, outcome, slot) DO UPDATE SET n = o.n + 1
)
SELECT texts_known, delivery_agreed,
       %(magnet)s::text IS NULL OR EXISTS (
           SELECT FROM lm_magnets WHERE slug = %(magnet)s AND retired_at IS NULL) AS magnet_known,
       (SELECT id FROM subscriber WHERE EXISTS (SELECT FROM mail)) AS subscriber_id,
       EXISTS (SELECT FROM network) AS network_allowed,
       extract(epoch FROM coalesce(
           (SELECT ends_at FROM spent WHERE key = %(network_key)s::bytea) - now(),
           interval '1 hour'))::float AS network_seconds,
       coalesce((SELECT n = 1 AND starts_at > now() FROM hour), false) AS ceiling_reached,
       (SELECT count(pg_notify('lm_outbox', '')) FROM mail
        WHERE due_at <= now() AND NOT EXISTS (
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
    SELECT t.id, t.purpose, t.locale
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
        newsletter = s.newsletter OR agreed.newsletter,
        newsletter_at = CASE WHEN agreed.newsletter THEN now() ELSE s.newsletter_at END
    FROM token, asked, subscriber, LATERAL (
        -- Unless she has said no to it since.
        SELECT asked.newsletter AND token.asked_at
            > coalesce((subscriber.locked).newsletter_at, '-infinity') AS newsletter
    ) agreed
    WHERE s.id = (subscriber.locked).id
      AND lm_may_confirm(subscriber.locked, token.kind, token.asked_at, asked.newsletter)
    RETURNING s.id, s.newsletter
), event AS (
    INSERT INTO lm_consent_events (subscriber_id, type, consent_text_id, locale, gesture)
    SELECT confirmed.id, 'confirm', text.id, text.locale, 'confirm_button'
    FROM confirmed, text
    WHERE text.purpose <> 'newsletter' OR confirmed.newsletter
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
-- The holder of any link, expired or not, asks for a fresh one. Cool-down, the cap of an address
-- and the mails of the hour are the signup's, and so is the order of the locks.
WITH token AS (
    SELECT t.subscriber_id, o.magnet_id, o.locale, o.consents,
           -- A subscriber who did not come by the signup has no key of her address.
           coalesce(s.address_key, sha256(uuid_send(s.id))) AS address_key
    FROM lm_download_tokens t
    JOIN lm_outbox o ON o.id = t.outbox_id AND o.kind <> 'privacy'
    JOIN lm_subscribers s ON s.id = t.subscriber_id
    WHERE t.token_hash = %(token_hash)s
), subscriber AS (
    UPDATE lm_subscribers s
    SET asked_at = now(), asked_consents = token.consents
    FROM token
    WHERE s.id = token.subscriber_id
      AND s.status NOT IN ('bounced', 'complained')
      AND s.asked_at <= now() - %(cool_down)s::interval
      AND NOT EXISTS (
          SELECT FROM lm_signup_limits l
          WHERE l.key = token.address_key AND l.n >= %(address_limit)s::int AND l.ends_at > now())
    RETURNING s.id
), address AS (
    INSERT INTO lm_signup_limits AS l (key, ends_at)
    SELECT token.address_key, now() + %(address_window)s::interval FROM subscriber, token
    ON CONFLICT (key) DO UPDATE
    SET n = CASE WHEN l.ends_at <= now() THEN 1 ELSE l.n + 1 END,
        ends_at = CASE WHEN l.ends_at <= now() THEN EXCLUDED.ends_at ELSE l.ends_at END
    WHERE l.ends_at <= now() OR l.n < %(address_limit)s::int
    RETURNING l.key
), hour AS (
    INSERT INTO lm_signup_limits AS l (key, ends_at)
    SELECT %(hour_key)s::bytea, now() + interval '1 hour' FROM address
    ON CONFLICT (key) DO UPDATE
    SET n = CASE WHEN l.ends_at <= now() OR l.n >= %(hour_limit)s::int THEN 1 ELSE l.n + 1 END,
        ends_at = CASE
            WHEN l.ends_at <= now() THEN EXCLUDED.ends_at
            WHEN l.n >= %(hour_limit)s::int THEN l.ends_at + interval '1 hour'
            ELSE l.ends_at
        END
    RETURNING l.n, l.ends_at - interval '1 hour' AS starts_at
), mail AS (
    INSERT INTO lm_outbox (subscriber_id, magnet_id, locale, consents, due_at)
    SELECT subscriber.id, token.magnet_id, token.locale, token.consents,
           greatest(now(), hour.starts_at)
    FROM subscriber, token, hour
    RETURNING id
), event AS (
    INSERT INTO lm_consent_events (subscriber_id, type, consent_text_id, locale, gesture)
    SELECT subscriber.id, 'resend', t.id, t.locale, 'renew_button'
    FROM subscriber, token, lm_consent_texts t
    WHERE t.id = ANY (token.consents) AND EXISTS (SELECT FROM mail)
    RETURNING id
), context AS (
    INSERT INTO lm_consent_context (event_id, ip, user_agent)
    SELECT id, %(ip)s::inet, %(user_agent)s::text FROM event
)
SELECT (SELECT id FROM subscriber WHERE EXISTS (SELECT FROM mail)) AS subscriber_id,
       coalesce((SELECT n = 1 AND starts_at > now() FROM hour), false) AS ceiling_reached,
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

-- name: subscriber_end_newsletter
-- The newsletter alone, for who has it or has asked for it: a mail of before confirms it no more.
WITH subscriber AS (
    UPDATE lm_subscribers s
    SET newsletter = false, newsletter_at = now()
    WHERE id = %(subscriber_id)s AND (newsletter OR (
        asked_at > coalesce(newsletter_at, '-infinity') AND EXISTS (
            SELECT FROM lm_consent_texts t
            WHERE t.id = ANY (s.asked_consents) AND t.purpose = 'newsletter')))
    RETURNING id
), event AS (
    INSERT INTO lm_consent_events (subscriber_id, type, purpose, gesture)
    SELECT id, 'unsubscribe', 'newsletter', %(gesture)s FROM subscriber
    RETURNING id
), context AS (
    INSERT INTO lm_consent_context (event_id, ip, user_agent)
    SELECT id, %(ip)s::inet, %(user_agent)s::text FROM event
)
SELECT status, false AS newsletter, EXISTS (SELECT FROM subscriber) AS changed
FROM lm_subscribers WHERE id = %(subscriber_id)s;

-- name: subscriber_subscription
SELECT status, newsletter FROM lm_subscribers WHERE id = %(subscriber_id)s;
