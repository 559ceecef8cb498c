"""A database that is away, full, locked, frozen or crowded: a 503 in time, and nothing lost."""

from __future__ import annotations

import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import psycopg
import pytest

from leadmagnet.database import Database, session
from leadmagnet.services import Services
from tests.support.client import client_of, confirm, problem, sign_up
from tests.support.database import connected
from tests.support.services import NO_CERTIFICATES, configured
from tests.support.settings import API
from tests.support.waiting import until


@contextmanager
def within(seconds=10.0):
    started = time.monotonic()
    yield
    assert time.monotonic() - started < seconds


@contextmanager
def crowded(database, files, *, size):
    """A client over so many connections."""
    pool = Database(database.url, size=size)
    pool.open()
    until(lambda: connected(pool), seconds=60, what="a first connection")
    try:
        yield client_of(Services(configured(database), pool, files, NO_CERTIFICATES))
    finally:
        pool.close()


@pytest.fixture
def full(database):
    """Raises what PostgreSQL raises when it cannot write any more."""
    database.rows(
        """CREATE FUNCTION disk_full() RETURNS trigger LANGUAGE plpgsql AS
           $$ BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = '53100'; END $$"""
    )

    def fill(table):
        database.rows(
            f"CREATE TRIGGER disk_full BEFORE INSERT OR UPDATE ON {table}"
            " FOR EACH ROW EXECUTE FUNCTION disk_full()"
        )

    return fill


@pytest.mark.parametrize("table", ["lm_signup_limits", "lm_requests"])
def test_a_full_disk_is_a_503_and_leaves_nothing_half_written(client, database, full, table):
    before = database.checksum()
    full(table)
    with within():
        assert problem(sign_up(client)) == (503, "service_unavailable")
    assert database.checksum() == before
    database.rows(f"DROP TRIGGER disk_full ON {table}")
    assert sign_up(client).status_code == 202


def test_a_full_disk_confirms_nobody_and_the_next_press_does(client, database, full, mailbox):
    sign_up(client)
    token = mailbox.deliver().token()
    full("lm_consent_events")
    assert problem(confirm(client, token)) == (503, "service_unavailable")
    assert database.value("SELECT status FROM lm_subscribers") == "pending"
    assert client.get(f"{API}/confirm/{token}").json["status"] == "pending"
    database.rows("DROP TRIGGER disk_full ON lm_consent_events")
    assert confirm(client, token).json["status"] == "confirmed"


@pytest.fixture
def hasty(monkeypatch):
    """So that a pool made in the test waits less long for locks, for the suite's time."""
    monkeypatch.setitem(session.SETTINGS, "lock_timeout", "200")


@pytest.mark.parametrize("table", ["lm_signup_limits", "lm_requests", "lm_consent_texts"])
def test_a_locked_table_is_a_503_in_time(hasty, database, files, table):
    with crowded(database, files, size=1) as client:
        with psycopg.connect(database.owner.info.dsn, password=password(database)) as other:
            other.execute(f"LOCK TABLE {table}")
            with within():
                assert problem(sign_up(client)) == (503, "service_unavailable")
        assert sign_up(client).status_code == 202


def password(database):
    return database.owner.info.password


def test_locked_counts_are_in_no_real_links_way(client, database, mailbox):
    sign_up(client)
    token, leave = mailbox.deliver().token(), mailbox.unsubscribe_token()
    with psycopg.connect(database.owner.info.dsn, password=password(database)) as other:
        other.execute("LOCK TABLE lm_signup_limits")
        assert confirm(client, token).status_code == 200
        assert client.post(f"{API}/unsubscribe/{leave}").status_code == 200
        with within():
            assert client.get(f"{API}/confirm/{'x' * 43}").status_code == 404


@pytest.fixture
def patient(monkeypatch):
    """So that only this many are in the way, and not the pace of this machine."""
    monkeypatch.setattr("leadmagnet.database.POOL_SECONDS", 60)


def test_more_requests_at_once_than_connections_are_all_served(patient, database, files):
    with crowded(database, files, size=2) as client, ThreadPoolExecutor(32) as pool:
        call = lambda n: sign_up(client.application.test_client(), f"ada{n}@example.org")
        answers = list(pool.map(call, range(200)))
    assert {answer.status_code for answer in answers} == {202}
    assert database.count("lm_outbox") == 200


def test_when_all_connections_are_stuck_everybody_is_told_in_time(hasty, database, files):
    with (
        crowded(database, files, size=2) as client,
        psycopg.connect(database.owner.info.dsn, password=password(database)) as other,
        ThreadPoolExecutor(16) as pool,
    ):
        other.execute("LOCK TABLE lm_requests")

        def call(number):
            with within():
                return sign_up(client.application.test_client(), f"ada{number}@example.org")

        answers = list(pool.map(call, range(16)))
        assert {problem(answer) for answer in answers} == {(503, "service_unavailable")}
        other.rollback()
        assert sign_up(client).status_code == 202


def test_a_frozen_connection_is_a_503_in_time_and_the_next_try_works(patient, database, files):
    """As behind a cut cable: no answer, no error, and the server's own timeouts do not fire."""
    with crowded(database, files, size=1) as client:
        assert sign_up(client).status_code == 202
        frozen = database.rows(
            "SELECT pid FROM pg_stat_activity"
            " WHERE datname = current_database() AND application_name = 'leadmagnet'"
        )
        assert frozen
        for row in frozen:
            os.kill(row["pid"], signal.SIGSTOP)
        try:
            answers = []
            # Each frozen connection costs one visitor her answer, and is then replaced.
            for number in range(len(frozen) + 1):
                with within():
                    answers.append(sign_up(client, f"b{number}@example.org"))
            assert problem(answers[0]) == (503, "service_unavailable")
            assert answers[-1].status_code == 202
        finally:
            for row in frozen:
                os.kill(row["pid"], signal.SIGCONT)
