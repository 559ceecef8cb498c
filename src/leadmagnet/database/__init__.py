"""The database: named queries from sql/queries, one statement each, over a pool of connections."""

from __future__ import annotations

import re
import select
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
from psycopg.rows import dict_row
from psycopg_pool import ConnectionPool, PoolTimeout

from leadmagnet.database.deadlines import Deadlines
from leadmagnet.errors import Unavailable

Row = dict[str, Any]

# A request waits so long for a connection, then for locks, then for its statement, and for a server
# that does not even answer that: together, a 503 within three seconds.
POOL_SECONDS = 1.0
SESSION = "-c lock_timeout=1300 -c statement_timeout=1500 -c timezone=UTC"
ANSWER_SECONDS = 1.6


def sql_directory() -> Path:
    """The folder with `migrations` and `queries`: inside an installed wheel, else the source's."""
    packaged = Path(str(files("leadmagnet"))) / "_sql"
    return packaged if packaged.is_dir() else Path(__file__).resolve().parents[3] / "sql"


class Query(NamedTuple):
    """A statement as PREPARE takes it, with $1, $2, …; and the names of these parameters."""

    text: str
    parameters: tuple[str, ...]


def _named(text: str) -> Iterator[tuple[str, Query]]:
    for block in re.split(r"^-- name: ", text, flags=re.M)[1:]:
        name, _, body = block.partition("\n")
        lines = [line for line in body.splitlines() if not line.lstrip().startswith("--")]
        yield name.strip(), _numbered("\n".join(lines).strip().rstrip(";"))


def _numbered(body: str) -> Query:
    # psycopg would convert the names at each execution: a tenth of a signup's time.
    order = list(dict.fromkeys(re.findall(r"%\((\w+)\)s", body)))
    text = re.sub(r"%\((\w+)\)s", lambda found: f"${order.index(found[1]) + 1}", body)
    return Query(text.replace("%%", "%"), tuple(order))


@cache
def queries() -> dict[str, Query]:
    """Every query of sql/queries by name. Raises ValueError when a name is there twice."""
    found: dict[str, Query] = {}
    for path in sorted((sql_directory() / "queries").glob("*.sql")):
        for name, query in _named(path.read_text(encoding="utf-8")):
            if name in found:
                raise ValueError(f"{path.name}: query {name} is defined twice")
            found[name] = query
    return found


def _configure(conn: psycopg.Connection[Row]) -> None:
    conn.prepare_threshold = 0


CONNECTION_ERRORS = (psycopg.OperationalError, psycopg.errors.ReadOnlySqlTransaction, PoolTimeout)


def _rows(conn: psycopg.Connection[Row], name: str, parameters: dict[str, Any]) -> list[Row]:
    query = queries()[name]
    cursor = conn.execute(query.text, [parameters[each] for each in query.parameters])
    return [] if cursor.rownumber is None else cursor.fetchall()


class Transaction:
    """Runs named queries over the one connection of a transaction."""

    def __init__(self, conn: psycopg.Connection[Row]) -> None:
        self._conn = conn

    def one(self, name: str, **parameters: Any) -> Row | None:
        rows = self.all(name, **parameters)
        return rows[0] if rows else None

    def all(self, name: str, **parameters: Any) -> list[Row]:
        return _rows(self._conn, name, parameters)


def _hung_up(conn: psycopg.Connection[Row]) -> bool:
    """Whether the server ended this idle connection: the one reason for it to say anything."""
    waiting = select.poll()
    waiting.register(conn.fileno(), select.POLLIN)
    return bool(waiting.poll(0))


class Database:
    """Runs named queries. Connections are in autocommit: one statement is one transaction and
    one round trip.

    Raises Unavailable for whatever is the database's trouble and not the caller's.
    """

    def __init__(self, url: str, *, size: int) -> None:
        self._pool: ConnectionPool[psycopg.Connection[Row]] = ConnectionPool(
            url,
            kwargs={
                "autocommit": True,
                "row_factory": dict_row,
                "cursor_factory": psycopg.RawCursor,
                "options": SESSION,
                "connect_timeout": 2,
                "application_name": "leadmagnet",
            },
            configure=_configure,
            min_size=1,
            max_size=size,
            timeout=POOL_SECONDS,
            reconnect_timeout=3.0,
            open=False,
        )
        self._deadlines = Deadlines(ANSWER_SECONDS)

    def open(self) -> None:
        """Start connecting, in this process: connections do not survive a fork."""
        self._pool.open(wait=False)
        self._deadlines.start()

    def close(self) -> None:
        self._pool.close()
        self._deadlines.stop()

    def one(self, name: str, **parameters: Any) -> Row | None:
        """The first row of the query, None where it has none."""
        rows = self.all(name, **parameters)
        return rows[0] if rows else None

    def all(self, name: str, **parameters: Any) -> list[Row]:
        """All rows of the query; an empty list for a statement that returns none."""
        with self._connection(name) as conn, self._deadlines.over(conn):
            return _rows(conn, name, parameters)

    @contextmanager
    def transaction(self, *, snapshot: bool = False) -> Iterator[Transaction]:
        """Several statements, committed together; with `snapshot` they read, and all see the
        database as it was at the first of them."""
        with self._connection("transaction") as conn, conn.transaction():
            if snapshot:
                conn.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            yield Transaction(conn)

    def check(self) -> None:
        """Raise Unavailable unless the database answers and every query fits its tables."""
        try:
            with self._connection("check") as conn, self._deadlines.over(conn):
                for query in queries().values():
                    conn.execute(f"PREPARE fits AS {query.text}", prepare=False)
                    conn.execute("DEALLOCATE fits", prepare=False)
        except psycopg.Error as error:
            raise Unavailable("check") from error

    @contextmanager
    def _connection(self, use: str) -> Iterator[psycopg.Connection[Row]]:
        try:
            conn = self._connected()
            try:
                yield conn
            finally:
                self._pool.putconn(conn)
        except CONNECTION_ERRORS as error:
            raise Unavailable(use) from error

    def _connected(self) -> psycopg.Connection[Row]:
        # A restart of the database leaves dead connections behind, each of which would cost some
        # visitor a 503 hours later. Looking at the socket costs microseconds, and no round trip.
        deadline = time.monotonic() + POOL_SECONDS
        conn = self._pool.getconn()
        while _hung_up(conn):
            conn.close()
            self._pool.putconn(conn)
            conn = self._pool.getconn(timeout=deadline - time.monotonic())
        return conn
