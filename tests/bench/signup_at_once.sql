-- The signup as it was while one statement decided everything before the answer: what `speed` and the
-- FastAPI service compare the accepting statement with. Kept as it was, in its former words.

CREATE TABLE lm_signup_outcomes_by_slot (
    day date NOT NULL,
    outcome text NOT NULL,
    slot smallint NOT NULL,
    n bigint NOT NULL DEFAULT 1,
    PRIMARY KEY (day, outcome, slot)
) WITH (fillfactor = 50);

GRANT SELECT, INSERT, UPDATE ON lm_signup_outcomes_by_slot TO lm_app;

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
-- `discard` counts the try and writes nothing else (a bot's signup, a role address). A caller
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
           OR key = %(address_key)s::bytea AND n >= %(mailbox_limit)s::int)
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
    WHERE NOT %(discard)s::boolean
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
    SELECT %(address_key)s::bytea, now() + %(mailbox_window)s::interval FROM subscriber
    ON CONFLICT (key) DO UPDATE
    SET n = CASE WHEN l.ends_at <= now() THEN 1 ELSE l.n + 1 END,
        ends_at = CASE WHEN l.ends_at <= now() THEN EXCLUDED.ends_at ELSE l.ends_at END
    WHERE l.ends_at <= now() OR l.n < %(mailbox_limit)s::int
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
    INSERT INTO lm_signup_outcomes_by_slot AS o (day, outcome, slot)
    SELECT current_date, CASE
               -- First, so that the locks above come before this row's.
               WHEN EXISTS (SELECT FROM mail) THEN 'queued'
               WHEN %(discard)s::boolean THEN 'ignored'
               WHEN EXISTS (SELECT FROM lm_subscribers
                            WHERE email = %(email)s AND status IN ('bounced', 'complained'))
                   OR EXISTS (SELECT FROM lm_suppressions WHERE address_hash = %(suppression)s)
                   THEN 'suppressed'
               WHEN EXISTS (SELECT FROM spent) OR EXISTS (SELECT FROM subscriber) THEN 'mailbox_full'
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
