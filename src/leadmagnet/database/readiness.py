"""Whether the database can serve this version: migrated, granted, writable."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import psycopg
from psycopg import errors

from leadmagnet.database.deadlines import Deadlines
from leadmagnet.database.queries import queries
from leadmagnet.database.reasons import why
from leadmagnet.errors import DatabaseReadOnly, GrantsMissing, NotMigrated, Unavailable

Connecting = Callable[[str], AbstractContextManager[psycopg.Connection[Any]]]
# More frequent probes get the same answer again.
CACHE_SECONDS = 1.0
WORDS: dict[str, type[Unavailable]] = {
    "not_migrated": NotMigrated,
    "grants_missing": GrantsMissing,
    "read_only": DatabaseReadOnly,
}


class Readiness:
    """Plans every query once in a process, then asks one cheap question a second."""

    def __init__(self, connection: Connecting, deadlines: Deadlines) -> None:
        self._connection = connection
        self._deadlines = deadlines
        self._lock = threading.Lock()
        self._fits = False
        self._asked_at = 0.0
        self._found: tuple[type[Unavailable], BaseException | None] | None = None

    def forget(self) -> None:
        """A query did not fit after all: look at all of them again."""
        self._fits, self._asked_at = False, 0.0

    def require(self) -> None:
        """Raise Unavailable, or what says more, unless requests can be served."""
        # While one probe asks, the others get the latest finding: none queues up here.
        fresh = time.monotonic() - self._asked_at < CACHE_SECONDS
        if not fresh and self._lock.acquire(blocking=self._asked_at == 0):
            try:
                self._found = self._ask()
                self._asked_at = time.monotonic()
            finally:
                self._lock.release()
        if self._found:
            kind, cause = self._found
            raise kind("readiness") from cause

    def _ask(self) -> tuple[type[Unavailable], BaseException | None] | None:
        try:
            with self._connection("readiness") as conn:
                if not self._fits:
                    self._plan_all(conn)
                with self._deadlines.over(conn):
                    row = conn.execute(queries()["readiness_state"].text).fetchone()
        except Unavailable as error:
            cause = error.__cause__
            return WORDS.get(why(cause).word, Unavailable), cause
        self._fits = True
        return (
            (DatabaseReadOnly, errors.ReadOnlySqlTransaction())
            if row and row["read_only"]
            else None
        )

    def _plan_all(self, conn: psycopg.Connection[Any]) -> None:
        # Unlike PREPARE, this looks at the role's rights, too; nothing is executed.
        for query in queries().values():
            if not query.by_owner:
                with self._deadlines.over(conn):
                    conn.execute(f"EXPLAIN (GENERIC_PLAN) {query.text}", prepare=False)
