-- name: owner_week_queue
-- The mail about the week before, once, from Monday at seven on in the studio's time zone.
INSERT INTO lm_outbox (kind, locale, asked_at)
SELECT 'week', %(locale)s::text, week.began AT TIME ZONE %(zone)s::text
FROM (SELECT date_trunc('week', now() AT TIME ZONE %(zone)s::text) AS began) week
WHERE now() >= (week.began + interval '7 hours') AT TIME ZONE %(zone)s::text
ON CONFLICT (asked_at) WHERE kind = 'week' DO NOTHING
RETURNING id;

-- name: owner_webhooks
-- The endpoints that were disabled because nobody took their events, as they are now.
SELECT name FROM lm_webhook_endpoints
WHERE disabled_why IN ('gone', 'failing') ORDER BY disabled_at;

-- name: owner_week
-- What became of those who asked in the seven days before `began`, the erased included, and what
-- is stuck now.
WITH week AS (
    SELECT (%(began)s::timestamptz AT TIME ZONE %(zone)s::text)::date - 7 AS first,
           (%(began)s::timestamptz AT TIME ZONE %(zone)s::text)::date - 1 AS last,
           (%(began)s::timestamptz AT TIME ZONE %(zone)s::text - interval '7 days')
               AT TIME ZONE %(zone)s::text AS starts_at
), people AS (
    SELECT count(*) AS asked, count(*) FILTER (WHERE f.confirmed) AS confirmed,
           count(*) FILTER (WHERE f.file_handed_out) AS file_handed_out,
           count(*) FILTER (WHERE f.newsletter) AS newsletter
    FROM lm_figures f
    -- `starts_at` once more: what is joined to a view does not choose which rows are grouped.
    WHERE f.created_at >= (%(began)s::timestamptz AT TIME ZONE %(zone)s::text - interval '7 days')
                          AT TIME ZONE %(zone)s::text
      AND f.created_at < %(began)s::timestamptz
), erased AS (
    SELECT coalesce(sum(c.asked), 0) AS asked, coalesce(sum(c.confirmed), 0) AS confirmed,
           coalesce(sum(c.file_handed_out), 0) AS file_handed_out,
           coalesce(sum(c.newsletter), 0) AS newsletter
    FROM week, lm_erased_counts c
    WHERE c.asked_hour >= week.starts_at AND c.asked_hour < %(began)s::timestamptz
      AND c.magnet_id IS NULL
)
SELECT week.first, week.last, (p.asked + e.asked)::int AS asked,
       (p.confirmed + e.confirmed)::int AS confirmed,
       (p.file_handed_out + e.file_handed_out)::int AS file_handed_out,
       (p.newsletter + e.newsletter)::int AS newsletter,
       (SELECT count(*) FROM lm_outbox WHERE state = 'dead') AS dead_mails,
       (SELECT count(*) FROM lm_outbox
        WHERE state = 'queued' AND due_at < now() - interval '10 minutes') AS overdue_mails,
       (SELECT count(*) FROM lm_requests WHERE failed_at IS NOT NULL) AS failed_requests,
       (SELECT count(*) FROM lm_requests
        WHERE failed_at IS NULL AND accepted_at < now() - interval '10 minutes')
           AS waiting_requests,
       coalesce((SELECT max(checked_at) FROM lm_doctor_verdicts)
                > now() - interval '2 days', false) AS examined,
       ARRAY(SELECT category FROM lm_doctor_verdicts WHERE failing > 0 ORDER BY category)
           AS failing,
       (SELECT coalesce(sum(skipped), 0) FROM lm_doctor_verdicts) AS skipped_checks,
       (SELECT count(*) FROM lm_magnets
        WHERE retired_at IS NULL AND file_missing_since IS NOT NULL) AS missing_files,
       (SELECT count(*) FROM lm_webhook_endpoints
        WHERE disabled_why IN ('gone', 'failing')) AS disabled_webhooks,
       coalesce((SELECT e.recorded_at < now() - interval '1 hour' FROM lm_consent_events e
                 WHERE e.id > coalesce((SELECT max(event_id) FROM lm_consent_seals), 0)
                 ORDER BY e.id LIMIT 1), false) AS unsealed
FROM week, people p, erased e;
