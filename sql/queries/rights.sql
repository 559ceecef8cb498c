-- name: rights_role
-- role: owner
-- The role that the grants name, from here on in this session: the one given, or the database's own
-- setting, or the usual one.
WITH named AS (
    SELECT set_config('leadmagnet.app_role', coalesce(%(given)s::text,
        nullif(current_setting('leadmagnet.app_role', true), ''), 'lm_app'), false) AS name)
SELECT name, EXISTS (SELECT FROM pg_roles WHERE rolname = name) AS is_there FROM named;

-- name: rights_held
-- role: owner
-- Who may do what with each of our tables, sequences and functions.
SELECT c.relname AS name, concat(
           (SELECT string_agg(x::text, ' ' ORDER BY x::text) FROM unnest(c.relacl) x),
           (SELECT string_agg(a.attname || a.attacl::text, ' ' ORDER BY a.attname)
            FROM pg_attribute a WHERE a.attrelid = c.oid)) AS rights
FROM pg_class c
WHERE c.relnamespace = 'public'::regnamespace AND c.relname ~ '^lm_' AND c.relkind IN ('r', 'S')
UNION ALL
SELECT p.proname, (SELECT string_agg(x::text, ' ' ORDER BY x::text) FROM unnest(p.proacl) x)
FROM pg_proc p
WHERE p.pronamespace = 'public'::regnamespace AND p.proname ~ '^lm_';
