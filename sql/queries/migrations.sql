-- name: migration_surroundings
-- role: owner
-- What is there already. Behind a pooler the process is another than the one that greeted us.
SELECT pg_backend_pid() AS pid,
       to_regclass('public.flyway_schema_history') IS NOT NULL AS has_history,
       to_regclass('public.lm_subscribers') IS NOT NULL AS has_tables,
       -- A column of each that ours does not have.
       (SELECT string_agg(c.table_name::text, ', ' ORDER BY c.table_name)
        FROM information_schema.columns c
        WHERE c.table_schema = 'public' AND (c.table_name, c.column_name) IN (
            ('lm_subscribers', 'unsubscribed_at'), ('lm_consent_events', 'event_type'),
            ('lm_download_tokens', 'purpose'))) AS of_prospectflow,
       (SELECT string_agg(format('%%I.%%I', schemaname, tablename), ', ') FROM pg_tables
        WHERE tablename LIKE '%%schema_history%%' AND tablename <> 'flyway_schema_history')
           AS other_histories;

-- name: migration_lock_holder
-- role: owner
-- Of the tables with these names, the lock that was taken first.
SELECT c.relname, a.pid, coalesce(nullif(a.application_name, ''), 'unnamed') AS name, a.state,
       date_trunc('second', clock_timestamp() - a.xact_start)::text AS since
FROM pg_locks l
JOIN pg_class c ON c.oid = l.relation
JOIN pg_stat_activity a ON a.pid = l.pid
WHERE l.granted AND l.pid <> pg_backend_pid() AND c.relkind = 'r'
  AND c.relname = ANY (%(tables)s::text[])
ORDER BY a.xact_start LIMIT 1;
