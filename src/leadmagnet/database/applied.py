"""What has been applied to a database, compared with sql/migrations; nothing is changed."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import psycopg
from psycopg.rows import dict_row

from leadmagnet.database import rights
from leadmagnet.database.migration_files import MigrationError, pending, read
from leadmagnet.database.queries import queries, sql_directory
from leadmagnet.database.reasons import why


class Comparison(NamedTuple):
    """How many files are applied, the scripts that are not, and the names on which the
    application's role holds other rights than R__lm_grants.sql gives."""

    applied: int
    pending: list[str]
    other_rights: list[str]


def rows(conn: psycopg.Connection[dict[str, Any]]) -> list[dict[str, Any]]:
    """Flyway's history, oldest first."""
    return psycopg.RawCursor(conn).execute(queries()["applied_migrations"].text).fetchall()


def compare(url: str, *, app_role: str | None, directory: Path | None = None) -> Comparison:
    """Look by the owner's connection. Raises MigrationError, with what is wrong."""
    files = read(directory or sql_directory() / "migrations")
    try:
        with psycopg.connect(url, autocommit=True, row_factory=dict_row, connect_timeout=5) as conn:
            psycopg.RawCursor(conn).execute(queries()["applied_session"].text)
            rights.role(conn, app_role)
            due = [migration.script for migration in pending(files, rows(conn))]
            grants = next(migration for migration in files if migration.script == rights.SCRIPT)
            other = [] if due else rights.renew(conn, grants, keep=False)
    except psycopg.Error as error:
        raise MigrationError(why(error, setting="MIGRATION_DATABASE_URL").sentence) from error
    return Comparison(len(files) - len(due), due, other)
