-- name: metrics_mails
-- By the partial indexes of the few rows that matter now: the sent ones of all time only grow.
SELECT (SELECT count(*) FROM lm_outbox WHERE state = 'queued') AS queued,
       (SELECT count(*) FROM lm_outbox WHERE state = 'dead') AS dead,
       (SELECT count(*) FROM lm_outbox
        WHERE state = 'sent' AND sent_at > now() - interval '1 hour') AS sent_last_hour,
       (SELECT count(*) FROM lm_outbox
        WHERE state = 'sent' AND sent_at > now() - interval '7 days') AS sent_last_week,
       coalesce(extract(epoch FROM now() - (
           SELECT min(due_at) FROM lm_outbox WHERE state = 'queued' AND due_at <= now())), 0)::float
           AS overdue_seconds;

-- name: metrics_ses_events
-- Of the last week. Only a permanent bounce counts as one: a full mailbox is a `SoftBounce`.
-- Without a subscriber: about an unknown recipient, or not understood.
WITH told AS (
    SELECT CASE WHEN type = 'Bounce' AND detail NOT LIKE 'Permanent/%%' THEN 'SoftBounce'
                ELSE type END AS type,
           subscriber_id IS NOT NULL AS matched,
           received_at
    FROM lm_ses_events
    WHERE received_at > now() - interval '7 days'
)
SELECT type, matched, count(*) AS last_week,
       count(*) FILTER (WHERE received_at > now() - interval '1 day') AS last_day
FROM told
GROUP BY type, matched;

-- name: metrics_settled
SELECT kind, outcome, sum(n)::bigint AS requests FROM lm_request_outcomes GROUP BY kind, outcome;

-- name: metrics_ledger
-- Age of the first event after the latest sealed one: it grows when no seals are written.
SELECT coalesce(extract(epoch FROM now() - (
    SELECT e.recorded_at FROM lm_consent_events e
    WHERE e.id > coalesce((SELECT max(event_id) FROM lm_consent_seals), 0)
    ORDER BY e.id LIMIT 1)), 0)::float AS unsealed_seconds;

-- name: metrics_requests
-- Waiting for a worker: it grows when none runs.
SELECT coalesce(
           extract(epoch FROM now() - min(accepted_at) FILTER (WHERE failed_at IS NULL)), 0)::float
           AS waiting_seconds,
       count(*) FILTER (WHERE failed_at IS NOT NULL) AS failed
FROM lm_requests;

-- name: metrics_confirmations
-- People, not clicks; and those who have not been erased since.
SELECT count(DISTINCT subscriber_id) AS last_day
FROM lm_consent_events
WHERE type = 'confirm' AND recorded_at > now() - interval '1 day';

-- name: metrics_webhooks
-- Not of endpoints that an operator disabled: whoever did it knows.
SELECT coalesce(extract(epoch FROM now() - min(queued.oldest)), 0)::float AS waiting_seconds,
       coalesce(sum(queued.events), 0)::bigint AS queued,
       coalesce(sum(dead.events), 0)::bigint AS dead
FROM lm_webhook_endpoints e
CROSS JOIN LATERAL (
    SELECT count(*) AS events, min(v.occurred_at) AS oldest
    FROM lm_webhook_events v WHERE v.endpoint_id = e.id AND v.state = 'queued'
) queued
CROSS JOIN LATERAL (
    SELECT count(*) AS events FROM lm_webhook_events v
    WHERE v.endpoint_id = e.id AND v.state = 'dead'
) dead
WHERE e.disabled_why IS DISTINCT FROM 'operator';

-- name: metrics_doctor
SELECT category, failing FROM lm_doctor_verdicts;

-- name: metrics_worker
SELECT extract(epoch FROM now() - h.seen_at)::float AS silent_seconds,
       l.pause_reason IS NOT NULL AS paused_by_ses,
       l.hold_reason,
       (SELECT count(*) FROM lm_magnets
        WHERE retired_at IS NULL AND file_missing_since IS NOT NULL) AS files_missing
FROM lm_worker_heartbeat h, lm_send_limiter l;
