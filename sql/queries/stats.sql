-- name: stat_period
-- The days asked for, in the studio's time zone: the last thirty where none are named.
SELECT coalesce(%(first)s::date, ended.day - 29) AS first, ended.day AS last,
       (SELECT id FROM lm_magnets WHERE slug = %(magnet)s::text) AS magnet_id
FROM (
    SELECT coalesce(%(last)s::date, (now() AT TIME ZONE %(zone)s::text)::date) AS day
) AS ended;

-- name: stat_people
-- Those who asked for the first time in these days, and what has become of them by now: counted in
-- one pass over the list, first by all that divides them, then once for each way to do so.
WITH counted AS (
    SELECT (created_at AT TIME ZONE %(zone)s::text)::date AS day, source,
           split_part(email, '@', 2) AS domain, magnets,
           count(*) AS asked, count(*) FILTER (WHERE mailed) AS mailed,
           count(*) FILTER (WHERE confirmed) AS confirmed,
           count(*) FILTER (WHERE file_handed_out) AS file_handed_out,
           count(*) FILTER (WHERE newsletter) AS newsletter,
           count(*) FILTER (WHERE bounced) AS bounced,
           count(*) FILTER (WHERE complained) AS complained,
           count(*) FILTER (WHERE unsubscribed) AS unsubscribed
    FROM lm_figures
    WHERE created_at >= %(first)s::date::timestamp AT TIME ZONE %(zone)s::text
      AND created_at < (%(last)s::date + 1)::timestamp AT TIME ZONE %(zone)s::text
      AND (%(magnet_id)s::bigint IS NULL OR %(magnet_id)s = ANY (magnets))
    GROUP BY day, source, domain, magnets
), asked AS (
    SELECT lm_mailbox_provider(domain) AS provider, c.* FROM counted c
)
SELECT CASE WHEN grouping(day) = 0 THEN 'day' WHEN grouping(source) = 0 THEN 'source'
            WHEN grouping(provider) = 0 THEN 'provider' WHEN grouping(magnets) = 0 THEN 'magnets'
            ELSE 'total' END AS part,
       coalesce(day::text, source, provider) AS name,
       ARRAY(SELECT slug FROM lm_magnets WHERE id = ANY (magnets)) AS slugs,
       coalesce(sum(asked), 0) AS asked, coalesce(sum(mailed), 0) AS mailed,
       coalesce(sum(confirmed), 0) AS confirmed,
       coalesce(sum(file_handed_out), 0) AS file_handed_out,
       coalesce(sum(newsletter), 0) AS newsletter, coalesce(sum(bounced), 0) AS bounced,
       coalesce(sum(complained), 0) AS complained,
       coalesce(sum(unsubscribed), 0) AS unsubscribed
FROM asked
GROUP BY GROUPING SETS ((), (day), (source), (provider), (magnets));

-- name: stat_median
-- How long it took them to confirm: a mean would be that of a single straggler.
SELECT extract(epoch FROM percentile_cont(0.5) WITHIN GROUP (
           ORDER BY s.confirmed_at - s.created_at)) / 60 AS minutes
FROM lm_subscribers s
WHERE s.created_at >= %(first)s::date::timestamp AT TIME ZONE %(zone)s::text
  AND s.created_at < (%(last)s::date + 1)::timestamp AT TIME ZONE %(zone)s::text
  AND (%(magnet_id)s::bigint IS NULL OR EXISTS (
      SELECT FROM lm_outbox o WHERE o.subscriber_id = s.id AND o.magnet_id = %(magnet_id)s));

-- name: stat_erased
-- The same of those who were erased since.
WITH asked AS MATERIALIZED (
    SELECT (c.asked_hour AT TIME ZONE %(zone)s::text)::date AS day, c.*
    FROM lm_erased_counts c
    WHERE c.asked_hour >= %(first)s::date::timestamp AT TIME ZONE %(zone)s::text
      AND c.asked_hour < (%(last)s::date + 1)::timestamp AT TIME ZONE %(zone)s::text
), part AS (
    SELECT 'total' AS part, NULL AS name, a.* FROM asked a
    WHERE a.magnet_id IS NOT DISTINCT FROM %(magnet_id)s::bigint
    UNION ALL
    SELECT 'day', day::text, a.* FROM asked a
    WHERE a.magnet_id IS NOT DISTINCT FROM %(magnet_id)s::bigint
    UNION ALL
    SELECT 'magnet', m.slug, a.*
    FROM asked a JOIN lm_magnets m ON m.id = a.magnet_id
    WHERE %(magnet_id)s::bigint IS NULL OR a.magnet_id = %(magnet_id)s
)
SELECT part, name, sum(asked) AS asked, sum(mailed) AS mailed, sum(confirmed) AS confirmed,
       sum(file_handed_out) AS file_handed_out, sum(newsletter) AS newsletter,
       sum(bounced) AS bounced, sum(complained) AS complained, sum(unsubscribed) AS unsubscribed
FROM part
GROUP BY part, name;
