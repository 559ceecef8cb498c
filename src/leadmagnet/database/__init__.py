"""The database: named queries from sql/queries, one statement each, over a pool of connections."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import psycopg
from psycopg import errors
from psycopg_pool import ConnectionPool, PoolTimeout

from leadmagnet.database.bulkhead import Bulkhead, CircuitBreaker
from leadmagnet.database.deadlines import Deadlines
from leadmagnet.database.queries import queries
from leadmagnet.database.readiness import Readiness
from leadmagnet.database.reasons import why
from leadmagnet.database.session import (
    STATEMENT_SECONDS,
    Row,
    connection_class,
    hung_up,
    parameters,
)
from leadmagnet.errors import Unavailable

__all__ = ["Database", "Row", "Transaction", "Unavailable", "queries"]

log = logging.getLogger(__name__)
# Its sentence is lost in our log, and its reason is in a line of ours.
logging.getLogger("psycopg.pool").setLevel(logging.ERROR)

# A request waits so long for a connection, then for its statement, which the server ends first
# (session.SETTINGS), unless it does not even answer that: together, a 503 within three seconds.
POOL_SECONDS = 0.8
ANSWER_SECONDS = STATEMENT_SECONDS + 0.1

AWAY = (psycopg.OperationalError, errors.ReadOnlySqlTransaction, PoolTimeout)
# The migrations were not applied, or the role lacks its grants.
UNFIT = (
    *(errors.UndefinedTable, errors.UndefinedColumn, errors.UndefinedFunction),
    errors.InsufficientPrivilege,
)
# “cached plan must not change result type”: a migration changed a column since this connection
# prepared the statement. Nothing was executed.
STALE_PLAN = errors.FeatureNotSupported


def _rows(conn: psycopg.Connection[Row], name: str, given: dict[str, Any]) -> list[Row]:
    query = queries()[name]
    cursor = conn.execute(query.text, [given[parameter] for parameter in query.parameters])
    return [] if cursor.rownumber is None else cursor.fetchall()


class Transaction:
    """Runs named queries over the one connection of a transaction, each under its own deadline."""

    def __init__(self, conn: psycopg.Connection[Row], deadlines: Deadlines) -> None:
        self._conn = conn
        self._deadlines = deadlines

    def one(self, name: str, **parameters: Any) -> Row | None:
        rows = self.all(name, **parameters)
        return rows[0] if rows else None

    def all(self, name: str, **parameters: Any) -> list[Row]:
        with self._deadlines.over(self._conn):
            return _rows(self._conn, name, parameters)

    def run(self, name: str, **parameters: Any) -> None:
        self.all(name, **parameters)


class Database:
    """Runs named queries. Connections are in autocommit: one statement is one transaction and
    one round trip.

    Raises Unavailable for every failure of the database that is not the caller's fault.
    """

    def __init__(
        self, url: str, *, size: int, waiting: int = 1000, seconds: float = STATEMENT_SECONDS
    ) -> None:
        """`size` connections at most; `waiting` callers at most hold or await one; `seconds` for a
        statement."""
        self._deadlines = Deadlines(ANSWER_SECONDS - STATEMENT_SECONDS + seconds)
        self._bulkhead = Bulkhead(waiting)
        self._breaker = CircuitBreaker()
        self._refusal: psycopg.Error | None = None
        self._answered = threading.Event()
        self._pool: ConnectionPool[psycopg.Connection[Row]] = ConnectionPool(
            url,
            kwargs=parameters(url, statement_seconds=seconds),
            connection_class=connection_class(self._deadlines, self._told, seconds),
            min_size=1,
            max_size=size,
            timeout=POOL_SECONDS,
            # The next caller tries again: the pool's own pauses would outlast the failure.
            reconnect_timeout=0,
            open=False,
        )
        self.readiness = Readiness(self._connection, self._deadlines)

    def open(self, *, patience: float = 0) -> None:
        """Start connecting, in this process: connections do not survive a fork.

        Waits at most `patience` seconds for the first connection, or for the reason of its refusal.
        """
        self._pool.open(wait=False)
        self._deadlines.start()
        self._answered.wait(patience)

    def close(self) -> None:
        self._pool.close()
        self._deadlines.stop()

    def one(self, name: str, **parameters: Any) -> Row | None:
        """The first row of the query, None where it has none."""
        rows = self.all(name, **parameters)
        return rows[0] if rows else None

    def all(self, name: str, **parameters: Any) -> list[Row]:
        """All rows of the query."""
        try:
            with self._connection(name) as conn, self._deadlines.over(conn):
                return _rows(conn, name, parameters)
        except STALE_PLAN:
            self._pool.drain()
            with self._connection(name) as conn, self._deadlines.over(conn):
                return _rows(conn, name, parameters)

    def run(self, name: str, **parameters: Any) -> None:
        """For a statement that returns no rows."""
        self.all(name, **parameters)

    def pooled(self) -> bool:
        """Whether a pooler stands in between, which changes the server process."""
        with self._connection("pooled") as conn:
            return conn.prepare_threshold is None

    @contextmanager
    def transaction(self, *, snapshot: bool = False) -> Iterator[Transaction]:
        """Several statements, committed together; with `snapshot` they read, and all see the
        database as it was at the first of them."""
        begin = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY" if snapshot else "BEGIN"
        try:
            with self._connection("transaction") as conn:
                try:
                    with self._deadlines.over(conn):
                        conn.execute(begin, prepare=False)
                    yield Transaction(conn, self._deadlines)
                    with self._deadlines.over(conn):
                        conn.execute("COMMIT", prepare=False)
                except BaseException:
                    with suppress(psycopg.Error), self._deadlines.over(conn):
                        conn.execute("ROLLBACK", prepare=False)
                    raise
        except STALE_PLAN as error:
            # Not repeated here, for the caller's part in it; the next try has new connections.
            self._pool.drain()
            raise Unavailable("transaction") from error

    @contextmanager
    def _connection(self, use: str) -> Iterator[psycopg.Connection[Row]]:
        trying = self._breaker.admit(use)
        started = time.monotonic()
        served = True
        try:
            self._bulkhead.enter()
            try:
                conn = self._connected()
                try:
                    yield conn
                finally:
                    self._pool.putconn(conn)
            except AWAY:
                served = False
                raise
            finally:
                self._bulkhead.leave(served=served)
        except AWAY as error:
            self._breaker.failed(use, seconds=time.monotonic() - started, trying=trying)
            # The pool only says that it has no connection, not why.
            cause = (self._refusal or error) if isinstance(error, PoolTimeout) else error
            raise Unavailable(use) from cause
        except UNFIT as error:
            self._breaker.succeeded(use)
            self.readiness.forget()
            log.error("database_unfit", extra={"query": use, "reason": why(error).word})
            raise Unavailable(use) from error
        except Unavailable:
            self._breaker.failed(use, seconds=0, trying=trying)
            raise
        except BaseException:
            self._breaker.succeeded(use)
            raise
        else:
            self._breaker.succeeded(use)

    def _connected(self) -> psycopg.Connection[Row]:
        # A restart of the database leaves dead connections behind, each of which would cost some
        # visitor a 503 hours later. Looking at the socket costs microseconds, and no round trip.
        deadline = time.monotonic() + POOL_SECONDS
        conn = self._pool.getconn()
        while hung_up(conn):
            conn.close()
            self._pool.putconn(conn)
            conn = self._pool.getconn(timeout=deadline - time.monotonic())
        return conn

    def _told(self, refusal: psycopg.Error | None) -> None:
        """Log why no connection is to be had, once for each reason."""
        if refusal and (not self._refusal or why(refusal).word != why(self._refusal).word):
            log.warning("database_refused", extra={"reason": why(refusal).word})
        self._refusal = refusal
        self._answered.set()
