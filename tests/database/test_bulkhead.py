"""A database that stands still takes some threads for a while, and never all of them."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from leadmagnet.database import Database
from leadmagnet.database.bulkhead import SLOW_SECONDS, TRIPS, Bulkhead, CircuitBreaker
from leadmagnet.errors import Unavailable


def test_who_finds_it_full_and_nobody_moving_is_sent_away_at_once():
    now = [0.0]
    bulkhead = Bulkhead(2, clock=lambda: now[0])
    bulkhead.enter()
    bulkhead.enter()
    now[0] += 1
    with pytest.raises(Unavailable):
        bulkhead.enter()
    bulkhead.leave(served=True)
    bulkhead.enter()


def test_who_finds_it_full_and_moving_gets_a_place():
    bulkhead = Bulkhead(1)
    bulkhead.enter()
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(bulkhead.enter)
        bulkhead.leave(served=True)
        waiting.result()


def slow_failures(breaker, times, *, trying=False):
    for _ in range(times):
        breaker.failed("signup", seconds=1.5, trying=trying)


def test_after_a_run_of_slow_failures_one_at_a_time_tries():
    breaker = CircuitBreaker()
    slow_failures(breaker, TRIPS)
    assert breaker.admit("signup") is True
    with pytest.raises(Unavailable):
        breaker.admit("signup")
    slow_failures(breaker, 1, trying=True)
    assert breaker.admit("signup") is True
    breaker.succeeded("signup")
    assert breaker.admit("signup") is False


def test_one_that_was_on_its_way_before_does_not_let_a_second_one_try():
    breaker = CircuitBreaker()
    slow_failures(breaker, TRIPS)
    breaker.admit("signup")
    slow_failures(breaker, 1)
    with pytest.raises(Unavailable):
        breaker.admit("signup")


def test_a_lock_in_the_way_of_one_statement_stops_no_other():
    breaker = CircuitBreaker()
    slow_failures(breaker, TRIPS)
    assert breaker.admit("confirm") is False


def test_a_success_in_between_and_fast_failures_do_not_count():
    breaker = CircuitBreaker()
    slow_failures(breaker, TRIPS - 1)
    breaker.succeeded("signup")
    slow_failures(breaker, TRIPS - 1)
    for _ in range(9):
        breaker.failed("signup", seconds=0.01, trying=False)
    assert breaker.admit("signup") is False


@pytest.fixture
def narrow(database):
    """Room for two, of whom each has a connection. A slow failure is one as soon as it can be."""
    narrow = Database(database.url, size=2, waiting=2, seconds=SLOW_SECONDS + 0.1)
    narrow.open()
    yield narrow
    narrow.close()


def refusal(database):
    with pytest.raises(Unavailable) as caught:
        database.one("erasures_page", before=1, limit=1)
    return str(caught.value)


def test_behind_a_lock_the_others_fail_at_once_and_all_is_well_when_it_goes(
    database, narrow, server
):
    narrow.one("erasures_page", before=1, limit=1)
    with psycopg.connect(server.url("lm_owner", database.name)) as owner:
        owner.execute("LOCK TABLE lm_erasures")
        with ThreadPoolExecutor(TRIPS) as pool:
            first = [pool.submit(refusal, narrow) for _ in range(TRIPS)]
            assert sorted({each.result() for each in first}) == ["bulkhead_full", "erasures_page"]
        for _ in range(TRIPS - 2):
            refusal(narrow)
        trying = threading.Thread(target=refusal, args=[narrow])
        trying.start()
        while not any(run.trying for run in narrow._breaker._runs.values()):
            time.sleep(0.001)
        assert refusal(narrow) == "circuit_open"
        trying.join()
    narrow.one("erasures_page", before=1, limit=1)
