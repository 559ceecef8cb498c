"""Every query's plan on a big list: no table that grows with the subscribers is read whole."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from leadmagnet import database as db
from leadmagnet.admin.exports import NEWEST
from leadmagnet.database.session import PLANNED_ANEW
from tests.support.database import fresh_database
from tests.support.paths import path_of

# What is asked about everything, and not by a visitor: an operator's overview, and the figures of a
# scrape.
READS_ALL = {"outbox_overview", "metrics_settled"}
# Of few rows, or of rows that are gone a moment after they came.
SMALL = {
    *(
        "lm_magnets",
        "lm_magnet_files",
        "lm_consent_texts",
        "lm_send_limiter",
        "lm_worker_heartbeat",
    ),
    *("lm_webhook_endpoints", "lm_doctor_verdicts"),
    "lm_requests",
}
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
    # A function that the planner did not take apart hides what it reads.
    if node["Node Type"] == "Function Scan":
        yield node.get("Function Name", "")
    for child in node.get("Plans", ()):
        yield from scans(child)


def plan_of(conn, name):
    """The plan for any parameters, as the server uses it for a prepared statement in the end."""
    conn.execute(f"PREPARE probe AS {db.queries()[name].text}", prepare=False)
    counted = "SELECT cardinality(parameter_types) FROM pg_prepared_statements WHERE name = 'probe'"
    (count,) = conn.execute(counted).fetchone().values()
    arguments = f"({', '.join(['NULL'] * count)})" if count else ""
    row = conn.execute(f"EXPLAIN (FORMAT JSON) EXECUTE probe{arguments}", prepare=False).fetchone()
    conn.execute("DEALLOCATE probe", prepare=False)
    return row["QUERY PLAN"][0]["Plan"]


def read_whole(database, name):
    """The tables that the query reads from end to end, now or once they are big."""
    with database.owner.transaction(force_rollback=True):
        conn = database.owner
        conn.execute("SET LOCAL plan_cache_mode = force_generic_plan")
        big = "SELECT relname FROM pg_class WHERE relname LIKE 'lm_%' AND relpages >= 100"
        found = set(scans(plan_of(conn, name))) & {row["relname"] for row in conn.execute(big)}
        # Of a small table, reading all of it is the best plan: here it shows whether an index fits.
        conn.execute("SET LOCAL enable_seqscan = off")
        found |= {table for table in scans(plan_of(conn, name)) if table.startswith("lm_")}
        return found - SMALL


def test_no_query_reads_a_big_table_whole_but_the_exceptions(big, subtests):
    for name in sorted(db.queries()):
        with subtests.test(name):
            assert bool(read_whole(big, name)) == (name in READS_ALL)


def nodes(node):
    yield node
    for child in node.get("Plans", ()):
        yield from nodes(child)


def carried_out(big, name, **given):
    """The nodes of the plan that the admin API has for these values, as it was carried out."""
    with big.owner.transaction(force_rollback=True):
        conn = big.owner
        for setting, value in PLANNED_ANEW.items():
            conn.execute("SELECT set_config(%s, %s, true)", (setting, value))
        query = db.queries()[name]
        conn.execute(f"PREPARE probe AS {query.text}", prepare=False)
        values = [given.get(parameter) for parameter in query.parameters]
        call = sql.SQL("EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE probe({})").format(
            sql.SQL(", ").join(map(sql.Literal, values))
        )
        row = conn.execute(call, prepare=False).fetchone()
        conn.execute("DEALLOCATE probe", prepare=False)
    return list(nodes(row["QUERY PLAN"][0]["Plan"]))


def test_the_figures_of_a_year_look_nobody_up_one_by_one(big):
    year = {"first": "2000-01-01", "last": "2100-01-01", "zone": "Europe/Paris"}
    plan = carried_out(big, "stat_people", **year)
    assert max(node["Actual Rows"] for node in plan) >= PEOPLE
    assert max(node["Actual Loops"] for node in plan) < PEOPLE / 10


def test_the_figures_of_a_day_do_not_read_the_year(big):
    day = datetime.now(UTC).date() - timedelta(3)
    plan = carried_out(big, "stat_people", first=day, last=day, zone="UTC")
    read = {node["Index Name"] for node in plan if "Index Name" in node}
    assert "lm_subscribers_newest" in read


@pytest.mark.parametrize("name", ["people_page", "export_page"])
def test_a_search_for_a_magnet_that_nobody_asked_for_looks_nobody_up(big, name):
    everybody = {"without_file": False, "mail_dead": False, "limit": 50, **NEWEST}
    for magnet_id, found in ((99, 0), (1, 50)):
        plan = carried_out(big, name, **everybody, magnet_id=magnet_id)
        assert found in {node["Actual Rows"] for node in plan if node["Node Type"] == "Limit"}
        assert max(node["Actual Loops"] for node in plan) <= 100


def test_looking_for_unsealed_rows_costs_no_more_on_a_long_ledger(big):
    """All is sealed, so the look goes to its end: as far back as its reach, and no further."""
    with big.owner.transaction(force_rollback=True):
        conn = big.owner
        conn.execute(
            "INSERT INTO lm_consent_seals (position, event_id, subscriber_id, digest, chain_hash,"
            " sealed_at) SELECT id, id, subscriber_id, sha256(''), sha256(''), recorded_at"
            " FROM lm_consent_events"
        )
        conn.execute("ANALYZE lm_consent_seals")
        conn.execute("SET LOCAL plan_cache_mode = force_generic_plan")
        query = db.queries()["seal_due"]
        values = {"reach": 500, "batch": 1000}
        arguments = [str(values.get(name, "interval '10 s'")) for name in query.parameters]
        conn.execute(f"PREPARE probe AS {query.text}", prepare=False)
        call = f"EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE probe({', '.join(arguments)})"
        row = conn.execute(call, prepare=False).fetchone()
        conn.execute("DEALLOCATE probe", prepare=False)
    read = [
        node
        for node in nodes(row["QUERY PLAN"][0]["Plan"])
        if node.get("Relation Name") in ("lm_consent_events", "lm_consent_seals")
    ]
    assert {node["Node Type"] for node in read} <= {"Index Scan", "Index Only Scan"}
    for node in read:
        rows = node["Actual Rows"] + node.get("Rows Removed by Filter", 0)
        assert rows * node["Actual Loops"] <= 500, node
