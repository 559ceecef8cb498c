"""The two roles and the database, as an operator would make them once on a real server."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import psycopg
from psycopg.conninfo import conninfo_to_dict

from leadmagnet.dev.postgres import Postgres

HERE = Path(__file__).parent


def create_roles_and_database(server: Postgres) -> None:
    """Make lm_owner, lm_app and the database leadmagnet, where they do not exist yet."""
    superuser = server.url("postgres", "postgres")
    password = conninfo_to_dict(superuser)["password"]
    options = f"-c leadmagnet.password={password}"
    with psycopg.connect(superuser, autocommit=True, options=options) as conn:
        conn.execute((HERE / "roles.sql").read_bytes())
        with suppress(psycopg.errors.DuplicateDatabase):
            conn.execute((HERE / "database.sql").read_bytes())
