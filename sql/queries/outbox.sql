-- name: outbox_claim
-- Takes the next mail, those of quiet networks first, for the length of the lease, and stores the
-- hash of the token that its link will carry. The subscriber is looked at here, right before the
-- call to SES: nothing goes to an address that unsubscribed, bounced or complained meanwhile. Each
-- claim takes the rate limiter's next slot, at most a second ahead, and says how long to wait for
-- it. `claims` is the fencing token. An attempt counts from here on, whatever becomes of it; a mail
-- whose outcome stays unknown too often is dead, and is claimed for ever longer until then.
WITH due AS (
    SELECT o.id,
           CASE
               WHEN s.id IS NULL AND %(owner_mail)s::text IS NULL THEN 'no_owner'
               WHEN s.status IN ('bounced', 'complained') THEN s.status
               WHEN s.status = 'unsubscribed' AND s.status_at > o.asked_at
                   AND o.kind <> 'privacy' THEN s.status
           END AS objection,
           CASE
               WHEN o.kind NOT IN ('confirm', 'download') THEN o.kind
               WHEN s.status = 'confirmed' AND (s.newsletter OR NOT lm_asks_newsletter(o.consents))
                   THEN 'download'
               ELSE 'confirm'
           END AS kind,
           o.unknown_outcomes >= %(most_unknown)s::int AS spent,
           coalesce(s.email, %(owner_mail)s::text) AS email,
           s.status = 'confirmed' AS confirmed
    FROM lm_outbox o
    LEFT JOIN lm_subscribers s ON s.id = o.subscriber_id
    WHERE o.state = 'queued' AND o.due_at <= now()
      AND (SELECT hold_reason IS NULL AND (next_at < now() + interval '1 second'
               OR next_at > now() + interval '15 minutes') FROM lm_send_limiter)
      -- How much of the hour is gone decides whose turn it is: the first mail of each network may
      -- use all of it, the others half, and a mail about a person's rights (-1) always goes.
      AND o.turn < (
          SELECT CASE
                     WHEN hour_ends_at NOT BETWEEN now() AND now() + interval '1 hour'
                         OR hour_mails < %(mails_per_hour)s::int / 2 THEN 2147483647
                     WHEN hour_mails < %(mails_per_hour)s::int THEN 1
                     ELSE 0
                 END
          FROM lm_send_limiter)
    ORDER BY o.turn, o.due_at
    LIMIT 1
    FOR UPDATE OF o SKIP LOCKED
), slot AS (
    -- Its row lock makes concurrent claims wait for each other: each sees the slot before its own.
    -- A moment further ahead than any pause lasts is of a clock that was wrong.
    UPDATE lm_send_limiter l
    SET next_at = CASE WHEN l.next_at > now() + interval '15 minutes' THEN now()
                       ELSE greatest(l.next_at, now()) END
            -- While SES has paused us, one mail at a time tries.
            + CASE WHEN l.pause_reason IS NULL THEN %(interval)s::interval
                   ELSE %(pause)s::interval END,
        hour_mails = CASE WHEN l.hour_ends_at BETWEEN now() AND now() + interval '1 hour'
                          THEN l.hour_mails + 1 ELSE 1 END,
        hour_ends_at = CASE WHEN l.hour_ends_at BETWEEN now() AND now() + interval '1 hour'
                            THEN l.hour_ends_at ELSE now() + interval '1 hour' END
    FROM due
    WHERE due.objection IS NULL AND NOT due.spent AND l.hold_reason IS NULL
      AND (l.next_at < now() + interval '1 second' OR l.next_at > now() + interval '15 minutes')
    RETURNING l.next_at - CASE WHEN l.pause_reason IS NULL THEN %(interval)s::interval
                               ELSE %(pause)s::interval END - clock_timestamp() AS wait,
        l.hour_mails IN (%(mails_per_hour)s::int / 2, %(mails_per_hour)s::int) AS ceiling_reached
), claimed AS (
    UPDATE lm_outbox o
    SET state = CASE WHEN due.objection IS NOT NULL THEN 'cancelled'
                     WHEN due.spent THEN 'dead' ELSE 'queued' END,
        reason = CASE WHEN due.objection IS NOT NULL THEN due.objection
                      WHEN due.spent THEN coalesce(o.reason, 'no_outcome') END,
        network_key = CASE WHEN due.objection IS NULL AND NOT due.spent THEN o.network_key END,
        kind = due.kind, claims = o.claims + 1, claimed_at = now(),
        attempts = o.attempts + (slot.wait IS NOT NULL)::int,
        unknown_outcomes = o.unknown_outcomes + (slot.wait IS NOT NULL)::int,
        due_at = now() + %(lease)s::interval * power(2, least(o.unknown_outcomes, 5))
    FROM due LEFT JOIN slot ON true
    WHERE o.id = due.id AND (slot.wait IS NOT NULL OR due.objection IS NOT NULL OR due.spent)
    RETURNING o.id, o.subscriber_id, o.magnet_id, o.state, o.reason, o.kind, o.locale, o.claims,
        o.attempts, o.unknown_outcomes, o.consents,
        o.asked_at, due.email, due.confirmed, slot.wait, slot.ceiling_reached
), token AS (
    INSERT INTO lm_download_tokens (token_hash, kind, subscriber_id, outbox_id, expires_at)
    SELECT %(token_hash)s, kind, subscriber_id, id,
           now() + CASE kind WHEN 'privacy' THEN %(privacy_life)s::interval
                             ELSE %(token_life)s::interval END
    FROM claimed
    WHERE state = 'queued' AND subscriber_id IS NOT NULL
)
SELECT claimed.id, claimed.subscriber_id, claimed.state, claimed.reason, claimed.kind,
       claimed.locale, claimed.claims, claimed.attempts, claimed.unknown_outcomes, claimed.email,
       m.title ->> claimed.locale AS magnet_title, claimed.wait, claimed.ceiling_reached,
       claimed.asked_at, lm_asks_newsletter(claimed.consents) AS newsletter, claimed.confirmed
FROM claimed
LEFT JOIN lm_magnets m ON m.id = claimed.magnet_id;

-- name: outbox_sent
-- A worker that was away longer than its lease marks nothing. A mail that SES took proves that
-- mails can go.
WITH sent AS (
    UPDATE lm_outbox
    SET state = 'sent', sent_at = now(), message_id = %(message_id)s, reason = NULL,
        sentence = NULL, unknown_outcomes = 0, network_key = NULL
    WHERE id = %(id)s AND claims = %(claims)s AND state = 'queued'
    RETURNING id
), before AS (
    SELECT pause_reason FROM lm_send_limiter
), recovered AS (
    UPDATE lm_send_limiter
    SET throttles = 0, pause_reason = NULL, pause_sentence = NULL, odd_reason = NULL,
        odd_mails = '{}', next_at = CASE WHEN pause_reason IS NULL THEN next_at ELSE now() END
    WHERE throttles > 0 OR pause_reason IS NOT NULL OR odd_reason IS NOT NULL
    RETURNING only_row
)
SELECT EXISTS (SELECT FROM sent) AS held,
       EXISTS (SELECT FROM recovered, before WHERE before.pause_reason IS NOT NULL) AS resumed;

-- name: outbox_postpone
-- An attempt that failed: later again, each time twice as long. `odd` for an answer that the API
-- of SES does not name: several different mails in a row that meet the same one pause sending.
WITH postponed AS (
    UPDATE lm_outbox
    SET due_at = now() + %(delay)s::interval, reason = %(reason)s, sentence = %(sentence)s,
        unknown_outcomes = CASE WHEN %(unknown)s::boolean THEN unknown_outcomes ELSE 0 END
    WHERE id = %(id)s AND claims = %(claims)s AND state = 'queued'
    RETURNING id
), counted AS (
    UPDATE lm_send_limiter l
    SET odd_reason = %(reason)s::text,
        odd_mails = CASE WHEN l.odd_reason IS DISTINCT FROM %(reason)s::text
                         THEN ARRAY[postponed.id]
                         WHEN postponed.id = ANY (l.odd_mails) THEN l.odd_mails
                         ELSE l.odd_mails || postponed.id END
    FROM postponed
    WHERE %(odd)s::boolean
    RETURNING cardinality(l.odd_mails) AS odd
)
SELECT coalesce(max(odd), 0)::int AS odd FROM counted;

-- name: outbox_bury
UPDATE lm_outbox
SET state = 'dead', reason = %(reason)s, sentence = %(sentence)s, network_key = NULL
WHERE id = %(id)s AND claims = %(claims)s AND state = 'queued'
RETURNING id;

-- name: outbox_throttle
-- SES asks the whole account to slow down: no attempt of this mail's, and all workers wait, twice
-- as long at each throttled answer in a row, ten minutes at the most, with jitter.
WITH mail AS (
    SELECT claimed_at FROM lm_outbox WHERE id = %(id)s
), slowed AS (
    UPDATE lm_send_limiter
    SET next_at = greatest(next_at, now()
            + least(power(2, least(throttles, 12)), 600) * (0.5 + %(jitter)s::float8 / 2)
              * interval '1 second'),
        throttles = throttles + 1, throttled_at = now()
    FROM mail
    WHERE mail.claimed_at > throttled_at OR throttled_at > now()
)
UPDATE lm_outbox
SET due_at = now() + interval '1 second', reason = %(reason)s, sentence = %(sentence)s,
    attempts = attempts - 1, unknown_outcomes = 0
WHERE id = %(id)s AND claims = %(claims)s AND state = 'queued'
RETURNING id;

-- name: outbox_pause
-- The account is at fault: all workers wait, then a single mail tries again.
WITH before AS (
    SELECT pause_reason FROM lm_send_limiter FOR UPDATE
), paused AS (
    UPDATE lm_send_limiter
    SET next_at = now() + %(pause)s::interval, pause_reason = %(reason)s,
        pause_sentence = %(sentence)s, odd_reason = NULL, odd_mails = '{}'
    RETURNING next_at
), released AS (
    UPDATE lm_outbox
    SET due_at = paused.next_at, reason = %(reason)s, sentence = %(sentence)s,
        attempts = attempts - 1, unknown_outcomes = 0
    FROM paused
    WHERE id = %(id)s AND claims = %(claims)s AND state = 'queued'
)
SELECT pause_reason IS DISTINCT FROM %(reason)s::text AS newly_paused FROM before;

-- name: outbox_repair_due_times
-- Nothing is put off for longer than three hours: what is due later was put off by a wrong clock.
UPDATE lm_outbox SET due_at = now()
WHERE state = 'queued' AND due_at > now() + interval '3 hours'
RETURNING id;

-- name: outbox_overview
SELECT state, count(*) AS mails, min(created_at) AS oldest, now() - min(created_at) AS age,
       count(*) FILTER (WHERE reason IS NOT NULL AND state = 'queued') AS delayed
FROM lm_outbox GROUP BY state ORDER BY state;

-- name: outbox_counts
-- By the partial indexes of the rows that matter now, for a page that asks again and again.
SELECT (SELECT count(*) FROM lm_outbox WHERE state = 'queued') AS queued,
       (SELECT count(*) FROM lm_outbox
        WHERE state = 'sent' AND sent_at > now() - interval '30 days') AS sent,
       (SELECT count(*) FROM lm_outbox WHERE state = 'dead') AS dead;

-- name: outbox_failures
-- The latest mails that could not go, newest first: ids and words, no addresses.
SELECT id, subscriber_id::text, state, kind, attempts, reason, sentence, created_at, due_at,
       greatest(due_at - now(), interval '0') AS wait
FROM lm_outbox
WHERE reason IS NOT NULL AND (state = 'queued' OR state = 'dead')
ORDER BY id DESC
LIMIT %(limit)s;

-- name: outbox_retry
-- Dead mails become due again, with all their attempts; `ids` null means all of them.
WITH retried AS (
    UPDATE lm_outbox
    SET state = 'queued', attempts = 0, unknown_outcomes = 0, due_at = now()
    WHERE state = 'dead' AND (%(ids)s::bigint[] IS NULL OR id = ANY (%(ids)s))
    RETURNING id
)
SELECT count(*) AS mails, pg_notify('lm_outbox', '') FROM retried;

-- name: outbox_networks
-- Where the queued mails were asked for, most of them first: a network is the beginning of its
-- keyed hash, which says nothing about where it is.
SELECT left(encode(network_key, 'hex'), 12) AS network, count(*) AS mails,
       now() - min(created_at) AS age
FROM lm_outbox
WHERE state = 'queued' AND network_key IS NOT NULL
GROUP BY 1
ORDER BY mails DESC, network
LIMIT %(limit)s;

-- name: outbox_drop
-- Cancels a batch of the mails queued for one network, but for those that a worker has in hand.
WITH dropped AS (
    UPDATE lm_outbox
    SET state = 'cancelled', reason = 'dropped', sentence = NULL, network_key = NULL
    WHERE id IN (
        SELECT id FROM lm_outbox
        WHERE state = 'queued' AND (claimed_at IS NULL OR claimed_at <= now() - %(lease)s::interval)
          AND starts_with(encode(network_key, 'hex'), %(network)s::text)
        LIMIT %(batch)s
        FOR UPDATE SKIP LOCKED)
    RETURNING id
)
SELECT count(*) AS mails FROM dropped;
