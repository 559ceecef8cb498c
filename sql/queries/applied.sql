-- name: applied_migrations
-- role: owner
SELECT version, description, type, script, checksum, success
FROM public.flyway_schema_history ORDER BY installed_rank;

-- name: applied_session
-- role: owner
-- A look that holds no other session up.
SELECT set_config('lock_timeout', '2s', false);
