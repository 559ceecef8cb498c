"""Applies sql/migrations as Flyway does, for machines without Java.

Same lock, same history table, same checksums: either tool can go on where the other stopped.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
from psycopg import errors
from psycopg.rows import dict_row

from leadmagnet.database import applied, rights
from leadmagnet.database.migration_files import Migration, MigrationError, pending, read
from leadmagnet.database.queries import queries, sql_directory
from leadmagnet.database.reasons import why
from leadmagnet.database.session import refuse_old

__all__ = ["MigrationError", "migrate"]

Conn = psycopg.Connection[dict[str, Any]]
Say = Callable[[str], None]
Wait = Callable[[float], None]

# Flyway's advisory lock for the history table "public"."flyway_schema_history".
LOCK = 77433833903597
# A wait for a table's lock blocks all later requests for it: so only briefly, again and
# again, until it is had in a quiet moment.
LOCK_SECONDS = 2
TRIES = 30

HISTORY_TABLE = """
CREATE TABLE IF NOT EXISTS public.flyway_schema_history (
    "installed_rank" INT NOT NULL,
    "version" VARCHAR(50),
    "description" VARCHAR(200) NOT NULL,
    "type" VARCHAR(20) NOT NULL,
    "script" VARCHAR(1000) NOT NULL,
    "checksum" INTEGER,
    "installed_by" VARCHAR(100) NOT NULL,
    "installed_on" TIMESTAMP NOT NULL DEFAULT now(),
    "execution_time" INTEGER NOT NULL,
    "success" BOOLEAN NOT NULL,
    CONSTRAINT flyway_schema_history_pk PRIMARY KEY (installed_rank)
);
CREATE INDEX IF NOT EXISTS flyway_schema_history_s_idx
    ON public.flyway_schema_history (success);
"""
RECORD = """
INSERT INTO public.flyway_schema_history
    (installed_rank, version, description, type, script, checksum, installed_by, execution_time,
     success)
SELECT coalesce(max(installed_rank), 0) + 1, %(version)s, %(description)s, 'SQL', %(script)s,
    %(checksum)s, current_user, %(milliseconds)s, true
FROM public.flyway_schema_history
"""


def migrate(
    url: str,
    *,
    app_role: str | None = None,
    directory: Path | None = None,
    shared_history: bool = False,
    say: Say = lambda sentence: None,
    done: Say = lambda script: None,
    wait: Wait = time.sleep,
) -> list[str]:
    """Apply what is not applied yet and return the scripts' names; `done` is told each at once,
    `say` what is waited for and what was granted.

    Each file is one transaction. Raises MigrationError for a server, a folder or a history that
    will not do, and for a file that fails: that file has then changed nothing.
    """
    files = read(directory or sql_directory() / "migrations")
    try:
        with psycopg.connect(url, autocommit=True, row_factory=dict_row, connect_timeout=5) as conn:
            _refuse_unfit(conn)
            conn.add_notice_handler(lambda notice: _pass_on(notice, say))
            role = rights.role(conn, app_role)
            conn.execute("SELECT set_config('lock_timeout', %s, false)", [f"{LOCK_SECONDS}s"])
            _lock(conn, say, wait)
            conn.execute(HISTORY_TABLE)
            history = applied.rows(conn)
            due = pending(files, history)
            if due and not shared_history:
                _refuse_foreign(files, history)
            for migration in due:
                _retried(conn, migration, partial(_apply, conn, migration), say, wait)
                done(migration.script)
            grants = next((file for file in files if file.script == rights.SCRIPT), None)
            if grants:
                changed = _retried(conn, grants, partial(rights.renew, conn, grants), say, wait)
                if changed:
                    say(f"{role}: granted anew on {', '.join(changed)}")
            return [migration.script for migration in due]
    except psycopg.Error as error:
        reason = why(error, setting="MIGRATION_DATABASE_URL")
        raise MigrationError(reason.sentence) from error


def _rows(conn: Conn, name: str, *parameters: object) -> list[dict[str, Any]]:
    return psycopg.RawCursor(conn).execute(queries()[name].text, parameters).fetchall()


def _refuse_unfit(conn: Conn) -> None:
    """Before the first file, so that nothing is half done."""
    refuse_old(conn)
    (look,) = _rows(conn, "migration_surroundings")
    if look["pid"] != conn.info.backend_pid:
        raise MigrationError(
            "MIGRATION_DATABASE_URL leads through a pooler, which would keep the lock of the"
            " migration: give the address of PostgreSQL itself"
        )
    if look["of_prospectflow"]:
        raise MigrationError(
            f"the tables {look['of_prospectflow']} are those of ProspectFlow's lead magnet, under"
            " the names that ours need; nothing was applied. Set them aside first: leadmagnet"
            " import prospectflow aside (docs/moving-in.md)"
        )
    if look["has_tables"] and not look["has_history"]:
        other = look["other_histories"]
        found = f" (another history is in {other}: migrate with the tool that wrote it)"
        raise MigrationError(
            "the tables are there, and public.flyway_schema_history is not: this would apply"
            " everything again" + (found if other else "")
        )


def _refuse_foreign(files: list[Migration], history: list[dict[str, Any]]) -> None:
    ours = {migration.script for migration in files}
    foreign = [
        row["script"] for row in history if row["type"] == "SQL" and row["script"] not in ours
    ]
    if foreign:
        raise MigrationError(
            f"flyway_schema_history also holds {len(foreign)} migrations of another folder (the"
            f" latest is {foreign[-1]}): with ours in it, that pipeline's validation fails until"
            " sql/migrations is among its locations, or ignoreMigrationPatterns is *:missing."
            " See to that, then: leadmagnet migrate --shared-history"
        )


def _lock(conn: Conn, say: Say, wait: Wait) -> None:
    for attempt in count():
        row = conn.execute("SELECT pg_try_advisory_lock(%s) AS held", [LOCK]).fetchone()
        if row and row["held"]:
            return
        if attempt == 5:
            say("waiting for another migration of this database to end")
        wait(0.2)


def _apply(conn: Conn, migration: Migration) -> None:
    started = time.monotonic()
    with conn.transaction():
        conn.execute(migration.sql.encode())
        conn.execute(
            RECORD,
            {
                "version": migration.version,
                "description": migration.description,
                "script": migration.script,
                "checksum": migration.checksum,
                "milliseconds": int((time.monotonic() - started) * 1000),
            },
        )


def _retried(
    conn: Conn, migration: Migration, attempted: Callable[[], Any], say: Say, wait: Wait
) -> Any:
    """What it returns; attempted again after each lock that was not to be had in time."""
    for attempt in count(1):
        try:
            return attempted()
        except errors.LockNotAvailable as error:
            holder = _holder(conn, migration)
            if attempt == TRIES:
                raise MigrationError(
                    f"{migration.script}: no lock in {TRIES} tries; {holder}: end that, then"
                    " migrate again"
                ) from error
            say(f"{migration.script} waits for a lock: {holder}; trying again")
            # Longer than it held up others, so that they get through in between.
            wait(min(LOCK_SECONDS * attempt, 10))
        except psycopg.Error as error:
            raise MigrationError(f"{migration.script}: {error}") from error


def _holder(conn: Conn, migration: Migration) -> str:
    words = list(set(re.findall(r"\w+", migration.sql.lower())))
    rows = _rows(conn, "migration_lock_holder", words)
    if not rows:
        return "its holder has just ended"
    (row,) = rows
    return (
        f"{row['relname']} is held by process {row['pid']} ({row['name']}, {row['state']},"
        f" for {row['since']})"
    )


def _pass_on(notice: errors.Diagnostic, say: Say) -> None:
    text = notice.message_primary or ""
    if notice.severity_nonlocalized == "NOTICE" and "skipping" not in text:
        say(text)
