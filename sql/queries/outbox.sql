-- name: outbox_claim
-- Takes the mail that has been due longest, for the length of the lease, and stores the hash of
-- the token that its link will carry. The subscriber is looked at here, right before the call to
-- SES: nothing goes to somebody who left, bounced or complained while the mail was queued.
-- Nothing is due while the gate is shut; each claim moves the gate on by one mail's share of the
-- rate, and says how long to wait for its own moment. `claims` is the fencing token.
WITH due AS (
    SELECT o.id,
           CASE
               WHEN s.status IN ('bounced', 'complained') THEN s.status
               WHEN s.status = 'unsubscribed' AND s.status_at > o.created_at
                   AND o.kind <> 'privacy' THEN s.status
           END AS objection,
           CASE
               WHEN o.kind = 'privacy' THEN 'privacy'
               WHEN s.status = 'confirmed' AND (s.newsletter OR NOT EXISTS (
                   SELECT FROM lm_consent_texts t
                   WHERE t.id = ANY (o.consents) AND t.purpose = 'newsletter')) THEN 'download'
               ELSE 'confirm'
           END AS kind,
           s.email
    FROM lm_outbox o
    JOIN lm_subscribers s ON s.id = o.subscriber_id
    WHERE o.state = 'queued' AND o.due_at <= now()
      AND (SELECT next_at < now() + interval '1 second' FROM lm_send_limiter)
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
        o.attempts, o.consents, due.email
), gate AS (
    UPDATE lm_send_limiter
    SET next_at = greatest(next_at, now()) + %(interval)s::interval
    FROM claimed
    WHERE claimed.state = 'queued'
    RETURNING next_at - %(interval)s::interval - now() AS wait
), token AS (
    INSERT INTO lm_download_tokens (token_hash, kind, subscriber_id, outbox_id, expires_at)
    SELECT %(token_hash)s, kind, subscriber_id, id,
           now() + CASE kind WHEN 'privacy' THEN %(privacy_life)s::interval
                             ELSE %(token_life)s::interval END
    FROM claimed
    WHERE state = 'queued'
)
SELECT claimed.id, claimed.subscriber_id, claimed.state, claimed.reason, claimed.kind,
       claimed.locale, claimed.claims, claimed.attempts, claimed.email,
       m.title ->> claimed.locale AS magnet_title, gate.wait,
       EXISTS (SELECT FROM lm_consent_texts t
               WHERE t.id = ANY (claimed.consents) AND t.purpose = 'newsletter') AS newsletter
FROM claimed
LEFT JOIN lm_magnets m ON m.id = claimed.magnet_id
LEFT JOIN gate ON true;

-- name: outbox_sent
-- A worker that was away longer than its lease marks nothing. What was sent proves that the gate
-- may be open.
WITH sent AS (
    UPDATE lm_outbox
    SET state = 'sent', sent_at = now(), message_id = %(message_id)s, reason = NULL
    WHERE id = %(id)s AND claims = %(claims)s AND state = 'queued'
    RETURNING id
), resumed AS (
    UPDATE lm_send_limiter SET throttles = 0, pause_reason = NULL
    WHERE throttles > 0 OR pause_reason IS NOT NULL
    RETURNING only_row
)
SELECT EXISTS (SELECT FROM sent) AS held, EXISTS (SELECT FROM resumed) AS resumed;

-- name: outbox_postpone
-- An attempt that failed: later again, each time twice as long.
UPDATE lm_outbox
SET due_at = now() + %(delay)s::interval, attempts = attempts + 1, reason = %(reason)s
WHERE id = %(id)s AND claims = %(claims)s AND state = 'queued'
RETURNING id;

-- name: outbox_bury
UPDATE lm_outbox
SET state = 'dead', attempts = attempts + 1, reason = %(reason)s
WHERE id = %(id)s AND claims = %(claims)s AND state = 'queued'
RETURNING id;

-- name: outbox_throttle
-- SES asks everybody to slow down: no attempt of this mail's, and the gate shuts for all workers,
-- twice as long at each throttled answer in a row, ten minutes at the most, with jitter.
WITH gate AS (
    UPDATE lm_send_limiter
    SET next_at = greatest(next_at, now()
            + least(power(2, least(throttles, 12)), 600) * (0.5 + %(jitter)s::float8 / 2) * interval '1 second'),
        throttles = throttles + 1
    RETURNING next_at
)
UPDATE lm_outbox
SET due_at = gate.next_at, reason = %(reason)s
FROM gate
WHERE id = %(id)s AND claims = %(claims)s AND state = 'queued'
RETURNING id;

-- name: outbox_pause
-- The account is at fault: the gate shuts for all, then one mail tries whether it is mended.
WITH before AS (
    SELECT pause_reason FROM lm_send_limiter FOR UPDATE
), gate AS (
    UPDATE lm_send_limiter
    SET next_at = now() + %(pause)s::interval, pause_reason = %(reason)s
    RETURNING next_at
), released AS (
    UPDATE lm_outbox
    SET due_at = gate.next_at, reason = %(reason)s
    FROM gate
    WHERE id = %(id)s AND claims = %(claims)s AND state = 'queued'
)
SELECT pause_reason IS DISTINCT FROM %(reason)s::text AS news FROM before;

-- name: outbox_resume
-- The operator has mended it: the gate opens, and what waited for it is due.
WITH gate AS (
    UPDATE lm_send_limiter SET next_at = now(), throttles = 0, pause_reason = NULL
    RETURNING only_row
), woken AS (
    UPDATE lm_outbox
    SET due_at = now()
    FROM gate
    WHERE state = 'queued' AND due_at > now() AND reason IS NOT NULL
    RETURNING id
)
SELECT (SELECT count(*) FROM woken) AS mails, pg_notify('lm_outbox', '');

-- name: outbox_overview
SELECT state, count(*) AS mails, min(created_at) AS oldest,
       count(*) FILTER (WHERE reason IS NOT NULL AND state = 'queued') AS delayed
FROM lm_outbox GROUP BY state ORDER BY state;

-- name: outbox_gate
SELECT greatest(next_at - now(), interval '0') AS shut_for, throttles, pause_reason FROM lm_send_limiter;

-- name: outbox_troubles
-- The latest mails that could not go, newest first: ids and words, nobody's address.
SELECT id, state, kind, attempts, reason, created_at, due_at
FROM lm_outbox
WHERE reason IS NOT NULL AND (state = 'queued' OR state = 'dead')
ORDER BY id DESC
LIMIT %(limit)s;

-- name: outbox_retry
-- Dead mails become due again, with all their attempts; `ids` null means all of them.
WITH retried AS (
    UPDATE lm_outbox
    SET state = 'queued', attempts = 0, due_at = now()
    WHERE state = 'dead' AND (%(ids)s::bigint[] IS NULL OR id = ANY (%(ids)s))
    RETURNING id
)
SELECT count(*) AS mails, pg_notify('lm_outbox', '') FROM retried;
