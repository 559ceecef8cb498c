-- name: stat_period
-- The days asked for, in the studio's time zone: the last thirty where none are named.
SELECT coalesce(%(first)s::date, ended.day - 29) AS first, ended.day AS last,
       (SELECT id FROM lm_magnets WHERE slug = %(magnet)s::text) AS magnet_id
FROM (
    SELECT coalesce(%(last)s::date, (now() AT TIME ZONE %(zone)s::text)::date) AS day
) AS ended;

-- name: stat_people
-- Those who asked for the first time in these days, and what has become of them by now.
WITH asked AS MATERIALIZED (
    SELECT (s.created_at AT TIME ZONE %(zone)s::text)::date AS day, s.source,
           lm_mailbox_provider(s.email) AS provider, f.*,
           extract(epoch FROM s.confirmed_at - s.created_at) / 60 AS minutes
    FROM lm_subscribers s
    CROSS JOIN LATERAL lm_figures(s) f
    WHERE s.created_at >= %(first)s::date::timestamp AT TIME ZONE %(zone)s::text
      AND s.created_at < (%(last)s::date + 1)::timestamp AT TIME ZONE %(zone)s::text
      AND (%(magnet_id)s::bigint IS NULL OR %(magnet_id)s = ANY (f.magnets))
), part AS (
    SELECT 'total' AS part, NULL AS name, a.* FROM asked a
    UNION ALL
    SELECT 'day', day::text, a.* FROM asked a
    UNION ALL
    SELECT 'source', source, a.* FROM asked a
    UNION ALL
    SELECT 'provider', provider, a.* FROM asked a
    UNION ALL
    SELECT 'magnet', m.slug, a.*
    FROM asked a CROSS JOIN LATERAL unnest(a.magnets) AS wanted (id)
    JOIN lm_magnets m ON m.id = wanted.id
)
SELECT part, name, count(*) AS asked, count(*) FILTER (WHERE mailed) AS mailed,
       count(*) FILTER (WHERE confirmed) AS confirmed,
       count(*) FILTER (WHERE file_handed_out) AS file_handed_out,
       count(*) FILTER (WHERE newsletter) AS newsletter,
       count(*) FILTER (WHERE bounced) AS bounced,
       count(*) FILTER (WHERE complained) AS complained,
       count(*) FILTER (WHERE unsubscribed) AS unsubscribed,
       (SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY minutes) FROM asked
        WHERE part = 'total') AS median_minutes
FROM part
GROUP BY part, name;

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
