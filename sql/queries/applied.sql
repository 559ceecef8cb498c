-- name: applied_migrations
-- role: owner
SELECT version, description, type, script, checksum, success
FROM public.flyway_schema_history ORDER BY installed_rank;

-- name: applied_session
-- role: owner
-- The name that the grants go by, and a look that holds no other session up.
SELECT set_config('leadmagnet.app_role', %(app_role)s::text, false),
       set_config('lock_timeout', '2s', false);
