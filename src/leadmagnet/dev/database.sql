-- Alone in its file: CREATE DATABASE refuses to run inside a block or with other statements.
-- As the database's owner, lm_owner may create in the schema public (pg_database_owner).
CREATE DATABASE leadmagnet OWNER lm_owner
