"""The rights of the application's role, renewed from R__lm_grants.sql."""

from __future__ import annotations

from typing import Any

import psycopg

from leadmagnet.database.migration_files import Migration, MigrationError
from leadmagnet.database.queries import queries

SCRIPT = "R__lm_grants.sql"
Conn = psycopg.Connection[dict[str, Any]]


def role(conn: Conn, given: str | None) -> str:
    """The application's role, named to the session. Raises MigrationError where there is none."""
    rows = psycopg.RawCursor(conn).execute(queries()["rights_role"].text, [given]).fetchall()
    name = str(rows[0]["name"])
    if not rows[0]["is_there"]:
        raise MigrationError(
            f"there is no role {name} in PostgreSQL to grant anything to: create it, or correct"
            " APP_ROLE"
        )
    return name


def renew(conn: Conn, grants: Migration, *, keep: bool = True) -> list[str]:
    """Grant again, for a role newer than the history, and return the names of what changed; to
    Flyway the file has not changed. Without `keep` it is undone: a look, and no more."""
    before = _held(conn)
    with conn.transaction(force_rollback=not keep):
        conn.execute(grants.sql.encode())
        after = _held(conn)
        changed = sorted(name for name in after if after[name] != before[name])
        if not changed:
            # So that nothing at all is written.
            raise psycopg.Rollback
    return changed


def _held(conn: Conn) -> dict[str, Any]:
    rows = psycopg.RawCursor(conn).execute(queries()["rights_held"].text).fetchall()
    return {row["name"]: row["rights"] for row in rows}
