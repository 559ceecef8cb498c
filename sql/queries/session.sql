-- name: session_settings
-- The settings that hold in this session, wherever they were set; a pooler may have dropped what we
-- asked for. Behind a pooler the process is another than the one that greeted us.
SELECT pg_backend_pid() AS pid,
       extract(epoch FROM current_setting('lock_timeout')::interval)::float AS lock_timeout,
       extract(epoch FROM current_setting('statement_timeout')::interval)::float
           AS statement_timeout,
       current_setting('timezone') AS timezone,
       current_setting('bytea_output') AS bytea_output,
       current_setting('synchronous_commit') AS synchronous_commit;
