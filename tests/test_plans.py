"""Every query's plan on a big list: no table that grows with the subscribers is read whole."""

from __future__ import annotations

import json
from pathlib import Path

import psycopg
import pytest
from conftest import fresh_database, path_of

from leadmagnet import db

# What is asked seldom and about everything, by an operator.
READS_ALL = {"outbox_overview"}
SMALL = {"lm_magnets", "lm_consent_texts", "lm_sending"}
PEOPLE = 30_000


@pytest.fixture(scope="module")
def big(server):
    """A list as the benchmark loads it, with its statistics."""
    with fresh_database(server) as database:
        url = server.url("postgres", database.name)
        with psycopg.connect(url) as conn, psycopg.ClientCursor(conn) as cursor:
            for statement in people().split(";\n\n"):
                cursor.execute(statement, {"people": PEOPLE})
        with psycopg.connect(url, autocommit=True) as conn:
            conn.execute("VACUUM (ANALYZE)")
        yield database


def people() -> str:
    return Path(path_of("tests/bench/people.sql")).read_text(encoding="utf-8")


def scans(node):
    """The relations that the plan reads from end to end."""
    if node["Node Type"] == "Seq Scan":
        yield node["Relation Name"]
    for child in node.get("Plans", ()):
        yield from scans(child)


def plan_of(database, name):
    """The plan for any parameters, as the server uses it for a prepared statement in the end."""
    conn = database.owner
    conn.execute("SET plan_cache_mode = force_generic_plan")
    query = db.numbered(db.queries()[name])
    conn.execute(f"PREPARE probe AS {query}", prepare=False)
    (count,) = (
        conn.execute(
            "SELECT cardinality(parameter_types) AS n FROM pg_prepared_statements WHERE name = 'probe'"
        )
        .fetchone()
        .values()
    )
    arguments = f"({', '.join(['NULL'] * count)})" if count else ""
    row = conn.execute(f"EXPLAIN (FORMAT JSON) EXECUTE probe{arguments}", prepare=False).fetchone()
    conn.execute("DEALLOCATE probe", prepare=False)
    (plan,) = row.values()
    return (json.loads(plan) if isinstance(plan, str) else plan)[0]["Plan"]


@pytest.mark.parametrize("name", sorted(set(db.queries()) - READS_ALL))
def test_no_query_reads_a_big_table_whole(big, name):
    assert set(scans(plan_of(big, name))) <= SMALL


@pytest.mark.parametrize("name", sorted(READS_ALL))
def test_the_exceptions_are_needed(big, name):
    assert set(scans(plan_of(big, name))) - SMALL
