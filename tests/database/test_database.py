"""The pool of connections: what holds in a session, and what a database that failed leaves."""

from __future__ import annotations

import os
import signal
import time
from contextlib import contextmanager

import psycopg
import pytest

from leadmagnet.database import Database
from leadmagnet.errors import DatabaseReadOnly, GrantsMissing, NotMigrated, Unavailable
from tests.support.client import sign_up
from tests.support.settings import API

PAGE = f"{API}/magnets/guide-mariee-sereine"


@contextmanager
def opened(url, **sizes):
    database = Database(url, **{"size": 2} | sizes)
    database.open()
    try:
        yield database
    finally:
        database.close()


@pytest.fixture
def admin(server, database):
    with psycopg.connect(server.url("postgres", database.name), autocommit=True) as conn:
        yield conn


def test_connections_that_the_database_ended_meanwhile_cost_nobody_a_503(client, database, server):
    assert sign_up(client).status_code == 202
    with psycopg.connect(server.url("postgres", database.name)) as superuser:
        ended = superuser.execute(
            "SELECT count(pg_terminate_backend(pid, 2000)) FROM pg_stat_activity"
            " WHERE application_name = 'leadmagnet' AND datname = current_database()"
        ).fetchone()
    assert ended != (0,)
    assert sign_up(client, "bea@example.org").status_code == 202


def test_a_session_is_the_same_whatever_the_database_says(database, admin):
    for setting in (
        "bytea_output = escape",
        "synchronous_commit = off",
        "timezone = 'Europe/Paris'",
        "lock_timeout = 0",
        "statement_timeout = 0",
    ):
        admin.execute(f"ALTER DATABASE {database.name} SET {setting}")
    with opened(database.url) as db:
        row = db.one("session_settings")
    del row["pid"]
    assert row == {
        "lock_timeout": 1.3,
        "statement_timeout": 1.5,
        "timezone": "UTC",
        "bytea_output": "hex",
        "synchronous_commit": "on",
    }


def test_options_of_the_address_are_kept(database):
    with opened(f"{database.url}?options=-c%20work_mem%3D7MB") as db, db.transaction() as inside:
        assert inside._conn.execute("SHOW work_mem").fetchone() == {"work_mem": "7MB"}


def test_a_column_that_changed_its_type_meanwhile_costs_nobody_an_error(client, database):
    assert client.get(PAGE).json["title"]
    database.rows("ALTER TABLE lm_magnets ALTER COLUMN slug TYPE varchar(200)")
    assert client.get(PAGE).json["title"]


def frozen(database):
    return [
        row["pid"]
        for row in database.rows(
            "SELECT pid FROM pg_stat_activity"
            " WHERE datname = current_database() AND application_name = 'leadmagnet'"
        )
    ]


@pytest.mark.parametrize("when", ["statement", "commit"])
def test_a_transaction_has_a_deadline_too(database, when):
    pids = []
    with opened(database.url, seconds=0.3) as db:
        started = time.monotonic()
        try:
            with pytest.raises(Unavailable), db.transaction() as transaction:
                transaction.one("seal_latest")
                pids = frozen(database)
                for pid in pids:
                    os.kill(pid, signal.SIGSTOP)
                if when == "statement":
                    transaction.one("seal_latest")
        finally:
            for pid in pids:
                os.kill(pid, signal.SIGCONT)
        assert pids
        assert time.monotonic() - started < 15


def test_a_transaction_that_fails_leaves_nothing_and_a_usable_connection(database):
    with opened(database.url, size=1) as db:
        with pytest.raises(psycopg.errors.CheckViolation), db.transaction() as transaction:
            transaction.run("suppression_add", address_hash=b"x" * 32)
            transaction.run("suppression_add", address_hash=b"short")
        assert database.count("lm_suppressions") == 0
        db.run("suppression_add", address_hash=b"x" * 32)
    assert database.count("lm_suppressions") == 1


def test_a_snapshot_reads_and_sees_one_moment(database):
    with opened(database.url) as db, db.transaction(snapshot=True) as transaction:
        assert transaction.one("erasures_page", before=9, limit=9) is None
        database.rows(
            "INSERT INTO lm_erasures (subscriber_id, erased_by) VALUES (uuidv7(), 'person')"
        )
        assert transaction.one("erasures_page", before=9, limit=9) is None


def test_it_is_not_ready_without_tables(server, admin):
    admin.execute("CREATE DATABASE bare")
    try:
        with opened(server.url("lm_app", "bare")) as db, pytest.raises(NotMigrated):
            db.readiness.require()
    finally:
        admin.execute("DROP DATABASE bare WITH (FORCE)")


def test_it_is_not_ready_without_grants(database):
    database.rows("REVOKE INSERT (gesture) ON lm_consent_events FROM lm_app")
    with opened(database.url) as db, pytest.raises(GrantsMissing):
        db.readiness.require()


def test_it_is_not_ready_on_a_server_that_takes_no_writes(client, database, admin):
    admin.execute(f"ALTER DATABASE {database.name} SET default_transaction_read_only = on")
    with opened(database.url) as db, pytest.raises(DatabaseReadOnly):
        db.readiness.require()


def test_readiness_plans_the_queries_once_and_then_asks_once_a_second(database, admin, monkeypatch):
    with opened(database.url) as db:
        asked = []
        plan_all = db.readiness._plan_all
        monkeypatch.setattr(
            db.readiness, "_plan_all", lambda conn: asked.append("all") or plan_all(conn)
        )
        for _ in range(5):
            db.readiness.require()
        assert asked == ["all"]
        # Within the second nobody is asked, so nobody can be kept busy by asking.
        database.rows("REVOKE ALL ON lm_magnets FROM lm_app")
        db.readiness.require()
        with pytest.raises(Unavailable):
            db.one("magnet_page", slug="x", locale="fr")
        with pytest.raises(GrantsMissing):
            db.readiness.require()


def test_a_missing_grant_is_a_503_that_names_itself_in_the_log(client, database, log_lines):
    database.rows("REVOKE ALL ON lm_magnets FROM lm_app")
    assert client.get(PAGE).status_code == 503
    assert any('"reason": "grants_missing"' in line for line in log_lines())
    assert client.get("/readyz").json["code"] == "grants_missing"
