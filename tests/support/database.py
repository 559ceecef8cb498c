"""A copy of the migrated database for each test."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

import psycopg
from psycopg.rows import dict_row

from leadmagnet.dev.postgres import Postgres
from tests.support.stack import administrator, copy_database, drop_database


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


numbers = itertools.count(1)
# One connection for all copies: making one costs as much as a third of a copy.
administrator_of = cache(administrator)


@contextmanager
def fresh_database(server: Postgres) -> Iterator[TestDatabase]:
    name = f"test_{next(numbers)}"
    admin = administrator_of(server)
    copy_database(admin, name)
    with psycopg.connect(
        server.url("lm_owner", name), autocommit=True, row_factory=dict_row
    ) as owner:
        yield TestDatabase(name, server.url("lm_app", name), owner)
    drop_database(admin, name)
