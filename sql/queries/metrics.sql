-- name: metrics_outbox
-- Mails by state, and how long the one that has been due longest waits.
SELECT state, count(*) AS mails,
       coalesce(extract(epoch FROM now() - min(due_at) FILTER (WHERE state = 'queued' AND due_at <= now())), 0)::float
           AS overdue_seconds
FROM lm_outbox GROUP BY state;

-- name: metrics_signups
SELECT outcome, sum(n)::bigint AS signups FROM lm_signup_outcomes GROUP BY outcome;
