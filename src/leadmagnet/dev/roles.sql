-- The owner migrates; the application's role owns nothing and gets its rights from the migrations.
-- CREATE and ALTER ROLE take no parameters, so the password comes as a setting of the connection.
DO $$
DECLARE
    role_name text;
BEGIN
    FOREACH role_name IN ARRAY ARRAY['lm_owner', 'lm_app'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role_name) THEN
            EXECUTE format('CREATE ROLE %I', role_name);
        END IF;
        EXECUTE format(
            'ALTER ROLE %I LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD %L',
            role_name, current_setting('leadmagnet.password')
        );
        -- Or a row that a constraint refuses is written to the server's log, with the address in it.
        EXECUTE format('ALTER ROLE %I SET log_error_verbosity = terse', role_name);
    END LOOP;
END
$$;
