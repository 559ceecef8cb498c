-- Run once by the postgres image on an empty volume, with psql, as the superuser.
-- lm_owner migrates; lm_app owns nothing and has only what the migrations grant it.
\getenv owner_password LM_OWNER_PASSWORD
\getenv app_password LM_APP_PASSWORD

CREATE ROLE lm_owner LOGIN PASSWORD :'owner_password';
CREATE ROLE lm_app LOGIN PASSWORD :'app_password';

-- Or a row that a constraint refuses is written to the server's log, with the address in it.
ALTER ROLE lm_owner SET log_error_verbosity = 'terse';
ALTER ROLE lm_app SET log_error_verbosity = 'terse';

-- The owner of a database may create tables in its schema public (pg_database_owner).
CREATE DATABASE leadmagnet OWNER lm_owner;
REVOKE ALL ON DATABASE leadmagnet FROM PUBLIC;
GRANT CONNECT ON DATABASE leadmagnet TO lm_app;
