-- The worker's part: what a waiting request does, decided by what is held about its address. A
-- batch of requests is one transaction: claim, lock, one statement a request, finish.

-- name: settlement_claim
-- In the order of arrival, past those that another worker holds and those whose time is not here.
SELECT id, kind, email, token_hash FROM lm_requests
WHERE failed_at IS NULL AND due_at <= now()
ORDER BY id
LIMIT %(batch)s
FOR UPDATE SKIP LOCKED;

-- name: settlement_lock
-- The mailboxes of a batch, sorted by the caller: workers that settle for one mailbox wait for each
-- other here, and meet in no circle over its subscribers (one for each +tag) and its count.
SELECT count(pg_advisory_xact_lock(mailbox)) AS locked
FROM unnest(%(mailboxes)s::bigint[]) AS waiting (mailbox);

-- name: settlement_sign_up
-- An upsert returns a row only where the chain goes on: its WHERE sees the newest version of the
-- row after any wait for its lock, so that fifty signups at once queue one mail, and the fourth
-- mail to a mailbox is never queued.
WITH request AS (
    SELECT * FROM lm_requests WHERE id = %(id)s
), mailbox_full AS (
    SELECT lm_mailbox_full(%(address_key)s::bytea, %(mailbox_limit)s::int) AS full
), asked_subscriber AS (
    INSERT INTO lm_subscribers AS s (id, email, address_key, locale, source, asked_consents)
    SELECT r.subscriber_id, r.email, %(address_key)s::bytea, r.locale, r.source, r.consents
    FROM request r, mailbox_full
    WHERE NOT r.discard
      AND NOT mailbox_full.full
      AND NOT EXISTS (
          SELECT FROM lm_suppressions WHERE address_hash = ANY (%(suppression_hashes)s::bytea[]))
    ON CONFLICT (email) DO UPDATE
    SET asked_at = now(), asked_consents = excluded.asked_consents,
        address_key = excluded.address_key
    WHERE s.status NOT IN ('bounced', 'complained')
      AND NOT lm_was_not_me(s, %(not_me)s::interval)
      AND (s.asked_at <= now() - %(cool_down)s::interval
           OR s.asked_consents <> excluded.asked_consents AND NOT EXISTS (
               SELECT FROM lm_outbox o
               WHERE o.subscriber_id = s.id AND o.consents = excluded.asked_consents
                 AND o.created_at > now() - %(cool_down)s::interval))
    RETURNING s.id
), mailbox_counted AS MATERIALIZED (
    SELECT id, lm_limit_count(%(address_key)s::bytea, %(mailbox_limit)s::int,
        %(mailbox_window)s::interval) AS place
    FROM asked_subscriber
), queued_mail AS (
    INSERT INTO lm_outbox (subscriber_id, magnet_id, locale, consents, asked_at, turn, network_key)
    SELECT m.id, r.magnet_id, r.locale, r.consents, r.accepted_at, r.turn, r.network_key
    FROM mailbox_counted m, request r
    WHERE m.place IS NOT NULL
    RETURNING subscriber_id
), recorded AS (
    SELECT lm_consent_record(q.subscriber_id, 'signup', 'signup_form', r.consents, NULL, r.ip,
        r.user_agent, r.id) AS events
    FROM queued_mail q, request r
)
SELECT (SELECT subscriber_id FROM queued_mail) AS subscriber_id,
       (SELECT events FROM recorded) AS events,
       CASE
           WHEN EXISTS (SELECT FROM queued_mail) THEN 'queued'
           WHEN r.discard THEN 'ignored'
           WHEN EXISTS (SELECT FROM lm_subscribers s
                        WHERE s.email = r.email
                          AND (s.status IN ('bounced', 'complained')
                               OR lm_was_not_me(s, %(not_me)s::interval)))
               OR EXISTS (SELECT FROM lm_suppressions
                          WHERE address_hash = ANY (%(suppression_hashes)s::bytea[]))
               THEN 'suppressed'
           WHEN mailbox_full.full OR EXISTS (SELECT FROM asked_subscriber) THEN 'mailbox_full'
           ELSE 'cool_down'
       END AS outcome
FROM request r, mailbox_full;

-- name: settlement_renewal
-- The holder of any link, expired or not, gets a fresh one. Cool-down and mailbox limit are the
-- signup's.
WITH request AS (
    SELECT * FROM lm_requests WHERE id = %(id)s
), old_link AS (
    SELECT t.subscriber_id, o.magnet_id, o.locale, o.consents,
           lm_mailbox_key(s) AS mailbox
    FROM request r
    JOIN lm_download_tokens t ON t.token_hash = r.token_hash
    JOIN lm_outbox o ON o.id = t.outbox_id AND o.kind <> 'privacy'
    JOIN lm_subscribers s ON s.id = t.subscriber_id
), asked_subscriber AS (
    UPDATE lm_subscribers s
    SET asked_at = now(), asked_consents = old_link.consents
    FROM old_link
    WHERE s.id = old_link.subscriber_id
      AND s.status NOT IN ('bounced', 'complained')
      AND s.asked_at <= now() - %(cool_down)s::interval
      AND NOT lm_mailbox_full(old_link.mailbox, %(mailbox_limit)s::int)
    RETURNING s.id
), mailbox_counted AS MATERIALIZED (
    SELECT a.id, lm_limit_count(old_link.mailbox, %(mailbox_limit)s::int,
        %(mailbox_window)s::interval) AS place
    FROM asked_subscriber a, old_link
), queued_mail AS (
    INSERT INTO lm_outbox (subscriber_id, magnet_id, locale, consents, asked_at, turn, network_key)
    SELECT m.id, old_link.magnet_id, old_link.locale, old_link.consents, r.accepted_at, r.turn,
           r.network_key
    FROM mailbox_counted m, old_link, request r
    WHERE m.place IS NOT NULL
    RETURNING subscriber_id, consents
), recorded AS (
    SELECT lm_consent_record(q.subscriber_id, 'resend', 'renew_button', q.consents, NULL, r.ip,
        r.user_agent, r.id) AS events
    FROM queued_mail q, request r
)
SELECT (SELECT subscriber_id FROM queued_mail) AS subscriber_id,
       (SELECT events FROM recorded) AS events;

-- name: settlement_privacy
-- Queues the mail with the link to what is held, for an address that is listed and can be written
-- to: one as long as its link works, within a mailbox limit of its own. Neither the hour's
-- ceiling nor a flood of signups delays it (`turn` -1).
WITH asked_subscriber AS (
    UPDATE lm_subscribers s
    SET privacy_asked_at = now(), privacy_key = %(address_key)s::bytea
    FROM lm_requests r
    WHERE r.id = %(id)s
      AND s.email = r.email
      AND s.status NOT IN ('bounced', 'complained')
      AND (s.privacy_asked_at IS NULL OR s.privacy_asked_at <= now() - %(cool_down)s::interval)
      AND NOT lm_mailbox_full(%(address_key)s::bytea, %(mailbox_limit)s::int)
    RETURNING s.id, s.locale, r.accepted_at
), mailbox_counted AS MATERIALIZED (
    SELECT id, locale, accepted_at, lm_limit_count(%(address_key)s::bytea, %(mailbox_limit)s::int,
        %(mailbox_window)s::interval) AS place
    FROM asked_subscriber
), queued_mail AS (
    INSERT INTO lm_outbox (subscriber_id, kind, locale, asked_at, turn)
    SELECT id, 'privacy', locale, accepted_at, -1 FROM mailbox_counted WHERE place IS NOT NULL
    RETURNING subscriber_id
)
SELECT (SELECT subscriber_id FROM queued_mail) AS subscriber_id;

-- name: settlement_finish
-- Forgets the settled requests, counts what became of them, and notifies the senders.
WITH settled AS (
    DELETE FROM lm_requests WHERE id = ANY (%(ids)s::bigint[])
), counted AS (
    INSERT INTO lm_request_outcomes AS o (day, kind, outcome, n)
    SELECT current_date, kind, outcome, count(*)
    FROM unnest(%(kinds)s::text[], %(outcomes)s::text[]) AS settled_request (kind, outcome)
    GROUP BY kind, outcome
    ORDER BY kind, outcome
    ON CONFLICT (day, kind, outcome) DO UPDATE SET n = o.n + excluded.n
)
SELECT pg_notify('lm_outbox', '') WHERE %(mails)s::boolean;

-- name: settlement_postpone
-- A request that could not be settled is tried again later, and kept as failed after the last try;
-- `most_attempts` is null for what passes by itself.
UPDATE lm_requests
SET attempts = attempts + 1, reason = %(reason)s,
    due_at = now() + least(power(2, least(attempts, 10)), 60) * %(delay)s::interval,
    failed_at = CASE WHEN attempts + 1 >= %(most_attempts)s::int THEN now() END
WHERE id = %(id)s
RETURNING failed_at IS NOT NULL AS failed;
