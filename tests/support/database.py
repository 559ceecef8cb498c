"""A copy of the migrated database for each test."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any, LiteralString
from unittest.mock import patch

import psycopg
from psycopg.pq import TransactionStatus
from psycopg.rows import dict_row

from leadmagnet.database import POOL_SECONDS, Database
from leadmagnet.database.session import hung_up
from leadmagnet.dev.postgres import Postgres
from leadmagnet.errors import Unavailable
from tests.support.stack import administrator, copy_database, drop_database
from tests.support.waiting import until

# Where nothing listens.
NOWHERE = "postgresql://lm_app@127.0.0.1:9/nowhere"


@dataclass(frozen=True)
class TestDatabase:
    """A copy of the migrated database; `owner` for a test's own look and touch."""

    __test__ = False
    name: str
    url: str
    owner: psycopg.Connection[dict[str, Any]]

    def rows(self, query: str, *parameters: object) -> list[dict[str, Any]]:
        cursor = self.owner.execute(query, parameters or None)
        return cursor.fetchall() if cursor.description else []

    def value(self, query: str, *parameters: object) -> Any:
        (row,) = self.rows(query, *parameters)
        return next(iter(row.values()))

    def count(self, table: str) -> int:
        return int(self.value(f"SELECT count(*) FROM {table}"))

    def checksum(self, *, without: frozenset[str] = frozenset()) -> dict[str, str]:
        """Of every row of every table, by table."""
        tables = self.rows(
            "SELECT relname FROM pg_class WHERE relname LIKE 'lm%' AND relkind = 'r'"
        )
        names = [table["relname"] for table in tables if table["relname"] not in without]
        each = "SELECT '{0}' AS name, md5(string_agg(t::text, '|' ORDER BY t::text)) FROM {0} t"
        found = self.rows(" UNION ALL ".join(each.format(name) for name in names))
        return {row["name"]: row["md5"] for row in found}


# Every statement that defines something, or changes what it is, leaves its number in a catalog.
SHAPE = """
    SELECT string_agg(format('%s %s', there, latest), ',') FROM (
        SELECT count(*), sum(xmin::text::bigint) FROM pg_class WHERE oid >= 16384
        UNION ALL SELECT count(*), sum(xmin::text::bigint) FROM pg_attribute WHERE attrelid >= 16384
        UNION ALL SELECT count(*), sum(xmin::text::bigint) FROM pg_proc WHERE oid >= 16384
        UNION ALL SELECT count(*), sum(xmin::text::bigint) FROM pg_rewrite WHERE oid >= 16384
        UNION ALL SELECT count(*), sum(xmin::text::bigint) FROM pg_attrdef
        UNION ALL SELECT count(*), sum(xmin::text::bigint) FROM pg_constraint
        UNION ALL SELECT count(*), sum(xmin::text::bigint) FROM pg_trigger
        UNION ALL SELECT count(*), sum(xmin::text::bigint) FROM pg_namespace
        UNION ALL SELECT count(*), sum(xmin::text::bigint) FROM pg_default_acl
        UNION ALL SELECT count(*), sum(xmin::text::bigint) FROM pg_db_role_setting
            WHERE setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database())
        UNION ALL SELECT count(*), sum(xmin::text::bigint) FROM pg_database
            WHERE datname = current_database()
    ) AS catalogs (there, latest)"""
TABLES = """
    SELECT relname, string_agg(quote_ident(attname), ', ' ORDER BY attnum)
    FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid
    WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
      AND attnum > 0 AND NOT attisdropped AND attgenerated = ''
    GROUP BY relname"""
SEQUENCES = """
    SELECT 'SELECT ' || string_agg(format('setval(%L, %s, %L)', sequencename,
        coalesce(last_value, start_value), last_value IS NOT NULL), ', ')
    FROM pg_sequences WHERE schemaname = 'public'"""
END_OTHERS = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> ALL (%s)"""
# Deleting more takes longer than a copy.
MANY = 2000


def connected(database: Database) -> bool:
    try:
        database.all("magnets_listed", slug=None)
    except Unavailable as error:
        return isinstance(error.__cause__, psycopg.Error)
    return True


numbers = itertools.count(1)
# One connection for all copies: making one costs as much as a third of a copy.
administrator_of = cache(administrator)


class Copy:
    """A copy of the migrated database. It serves one test after the other as long as they change
    nothing but rows, which are put back: that costs a tenth of another copy."""

    def __init__(self, server: Postgres) -> None:
        self._server = server
        name = f"test_{next(numbers)}"
        copy_database(administrator_of(server), name)
        owner = psycopg.connect(server.url("lm_owner", name), autocommit=True, row_factory=dict_row)
        self.database = TestDatabase(name, server.url("lm_app", name), owner)
        self._admin = administrator(server, name)
        self._connections: Database | None = None
        # Also what no row may leave is left.
        self._admin.execute("SET session_replication_role = replica")
        self._shape = self._value(SHAPE)
        self._refills, self._sequences = refills_of(server, self._admin)
        each = "SELECT '{0}', count(*), sum(xmin::text::bigint) FROM {0}"
        self._look = " UNION ALL ".join(each.format(table) for table in self._refills).encode()
        self._first = self._rows()

    def connections(self) -> Database:
        """Made for the first test that asks, and kept for the next ones."""
        if not self._connections:
            self._connections = Database(self.database.url, size=8)
            self._connections.open()
        return self._connections

    def _kept_processes(self) -> list[int]:
        """Of the connections that the next test may have, too."""
        if self._connections:
            if pids := pids_of_unused(self._connections):
                self._connections.readiness.forget()
                return pids
            self._connections.close()
            self._connections = None
        return []

    def _value(self, query: LiteralString) -> Any:
        (value,) = self._admin.execute(query).fetchall()[0]
        return value

    def _rows(self) -> dict[str, tuple[int, int | None]]:
        """How many there are, and who wrote them, by table."""
        return {name: (count, by) for name, count, by in self._admin.execute(self._look)}

    def restored(self) -> bool:
        """Whether it is again what it was when it was made."""
        try:
            return self._restored()
        except psycopg.OperationalError:
            return False

    def _restored(self) -> bool:
        kept = self._kept_processes()
        owner = self.database.owner
        if owner.info.transaction_status != TransactionStatus.IDLE:
            return False
        owner.execute("RESET ALL; UNLISTEN *; SELECT pg_advisory_unlock_all()")
        ours = [owner.info.backend_pid, self._admin.info.backend_pid, *kept]
        until(
            lambda: not self._admin.execute(END_OTHERS, [ours]).fetchall(),
            seconds=20,
            what="nobody else is connected",
        )
        if self._value(SHAPE) != self._shape:
            return False
        now = self._rows()
        changed = [name for name, rows in now.items() if rows != self._first[name]]
        if sum(now[name][0] for name in changed) > MANY:
            return False
        statements = [*(self._refills[name] for name in changed), self._sequences]
        self._admin.execute("; ".join(statements).encode())
        if any(self._first[name][0] for name in changed):
            self._first = self._rows()
        return True

    def close(self) -> None:
        if self._connections:
            self._connections.close()
        self._admin.close()
        self.database.owner.close()

    def drop(self) -> None:
        self.close()
        drop_database(administrator_of(self._server), self.database.name)


def pids_of_unused(database: Database) -> list[int]:
    """Of its connections, where all are idle and nothing ever failed; else none."""
    pool = database._pool
    idle = list(pool._pool)
    stats = pool.get_stats()
    if (
        database._breaker._runs
        or database._refusal
        or len(idle) != stats["pool_size"]
        or any(hung_up(connection) for connection in idle)
    ):
        return []
    return [connection.info.backend_pid for connection in idle]


kept: dict[Postgres, tuple[dict[str, str], str]] = {}
idle: dict[Postgres, list[Copy]] = defaultdict(list)
in_use: dict[str, Copy] = {}


def refills_of(server: Postgres, admin: psycopg.Connection[Any]) -> tuple[dict[str, str], str]:
    """Statements that give each table the rows of a new copy, and that set back the sequences."""
    if server not in kept:
        refills = {}
        for table, columns in admin.execute(TABLES).fetchall():
            refills[table] = f"DELETE FROM {table}"
            query = f"SELECT quote_literal(json_agg(t)) FROM {table} AS t"
            ((rows,),) = admin.execute(query.encode()).fetchall()
            if rows:
                refills[table] += (
                    f"; INSERT INTO {table} ({columns}) OVERRIDING SYSTEM VALUE"
                    f" SELECT {columns} FROM json_populate_recordset(NULL::{table}, {rows})"
                )
        ((sequences,),) = admin.execute(SEQUENCES).fetchall()
        kept[server] = refills, sequences
    return kept[server]


def database_at(url: str) -> Database:
    """Where nothing listens, a request waits less long for it, for the suite's time."""
    seconds = 0.1 if url == NOWHERE else POOL_SECONDS
    with patch("leadmagnet.database.POOL_SECONDS", seconds):
        return Database(url, size=8)


@contextmanager
def fresh_database(server: Postgres) -> Iterator[TestDatabase]:
    """What a new copy of the migrated database would be."""
    copy = idle[server].pop() if idle[server] else Copy(server)
    in_use[copy.database.name] = copy
    yield copy.database
    del in_use[copy.database.name]
    if copy.restored():
        idle[server].append(copy)
    else:
        copy.drop()


def connections_to(database: TestDatabase) -> Database | None:
    """Open, and not to be closed; none to what is no copy."""
    copy = in_use.get(database.name)
    return copy.connections() if copy else None


def close_connections(server: Postgres) -> None:
    administrator_of(server).close()
    for copy in idle.pop(server, ()):
        copy.close()
