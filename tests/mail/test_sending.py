"""The gate that all workers share: the rate, a throttling SES, a paused account."""

from __future__ import annotations

import threading
from dataclasses import replace
from itertools import pairwise

import pytest
from click.testing import CliRunner

from leadmagnet.adapters.ses import Paused, Rejected, Throttled
from leadmagnet.commands import main
from leadmagnet.mail import outbox
from tests.support.client import sign_up
from tests.support.services import delivery
from tests.support.settings import SETTINGS


@pytest.fixture
def queue(client):
    def queue(count):
        for number in range(count):
            sign_up(client, f"ada{number}@example.org")

    return queue


def deliver(services, send, **changes):
    return outbox.deliver_next(replace(delivery(services, send), **changes))


def failing(error):
    def send(mail):
        raise error

    return send


def shut_for(database):
    return database.value("SELECT extract(epoch FROM next_at - now())::float8 FROM lm_send_limiter")


def states(database):
    rows = database.rows("SELECT state, count(*) AS n FROM lm_outbox GROUP BY state")
    return {row["state"]: row["n"] for row in rows}


def test_mails_go_one_share_of_the_rate_apart_without_a_burst_at_the_start(start, queue):
    services = start(SES_MAX_RATE="5")
    queue(5)
    waits = []
    while deliver(services, lambda mail: "id", wait=waits.append):
        pass
    assert waits[0] == 0
    steps = [later - earlier for earlier, later in pairwise(waits)]
    assert all(0 < step <= 0.2 for step in steps)
    assert waits[-1] > 0.5


def test_two_workers_share_one_rate(start, queue, database):
    services = start(SES_MAX_RATE="4")
    queue(8)
    waits = []

    def work():
        while deliver(services, lambda mail: "id", wait=waits.append):
            pass

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # Nobody waited, so only what fits into the gate's second of foresight was taken.
    assert 4 <= len(waits) <= 6
    assert 0.5 < shut_for(database) < 1.6


def test_a_throttled_answer_shuts_the_gate_for_everybody_and_each_one_for_longer(
    services, queue, database
):
    queue(2)
    waits = []
    for _ in range(12):
        assert deliver(services, failing(Throttled("throttled")), jitter=lambda: 1.0) is True
        waits.append(round(shut_for(database)))
        assert waits[-1] <= 1 or deliver(services, pytest.fail) is False
        database.rows("UPDATE lm_send_limiter SET next_at = now()")
        database.rows("UPDATE lm_outbox SET due_at = now()")
    assert waits == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 600, 600]
    assert database.rows("SELECT DISTINCT attempts, state FROM lm_outbox") == [
        {"attempts": 0, "state": "queued"}
    ]
    assert deliver(services, lambda mail: "id") is True
    assert database.value("SELECT throttles FROM lm_send_limiter") == 0


def test_jitter_spreads_the_wait_over_its_second_half(services, queue, database):
    queue(1)
    database.rows("UPDATE lm_send_limiter SET throttles = 6")
    deliver(services, failing(Throttled("throttled")), jitter=lambda: 0.0)
    assert 31 < shut_for(database) <= 32


def test_a_paused_account_keeps_everything_queued_with_one_alarm_and_few_tries(
    services, queue, database, log_lines
):
    queue(3)
    tries = []

    def send(mail):
        tries.append(mail)
        raise Paused("SendingPausedException")

    for _ in range(5):
        while deliver(services, send):
            pass
        database.rows("UPDATE lm_send_limiter SET next_at = now()")  # five minutes later
        database.rows("UPDATE lm_outbox SET due_at = now()")
    assert len(tries) == 5
    assert states(database) == {"queued": 3}
    assert "".join(log_lines()).count('"event": "sending_paused"') == 1
    while deliver(services, lambda mail: "id"):
        pass
    assert states(database) == {"sent": 3}
    assert "".join(log_lines()).count('"event": "sending_resumed"') == 1


@pytest.fixture
def run(database, monkeypatch):
    for name, value in (SETTINGS | {"DATABASE_URL": database.url}).items():
        monkeypatch.setenv(name, value)

    def run(*arguments):
        result = CliRunner().invoke(main, ["mails", *arguments])
        assert result.exit_code == 0, result.output
        return result.output

    return run


def test_an_operator_sees_counts_ages_and_troubles_but_nobodys_address(run, services, queue):
    queue(3)
    deliver(services, lambda mail: "id")
    deliver(services, failing(Rejected("MessageRejected")))
    output = run()
    assert [line.split()[:2] for line in output.splitlines()[:3]] == [
        ["dead", "1"],
        ["queued", "1"],
        ["sent", "1"],
    ]
    assert "MessageRejected" in output
    assert "@" not in output


def test_an_operator_sees_that_sending_is_paused_and_opens_it_again(run, services, queue, database):
    queue(2)
    deliver(services, failing(Paused("AccountSuspendedException")))
    assert "paused: AccountSuspendedException" in run()
    assert deliver(services, pytest.fail) is False
    assert "1 mails due again" in run("resume")
    assert "paused" not in run()
    while deliver(services, lambda mail: "id"):
        pass
    assert states(database) == {"sent": 2}


def test_dead_mails_are_tried_again_when_told_and_no_others(run, services, queue, database):
    queue(3)
    for _ in range(2):
        deliver(services, failing(Rejected("MessageRejected")))
    dead = database.rows("SELECT id FROM lm_outbox WHERE state = 'dead' ORDER BY id")
    assert run("retry", str(dead[0]["id"])) == "1 due again\n"
    assert states(database) == {"dead": 1, "queued": 2}
    assert run("retry", "--all") == "1 due again\n"
    while deliver(services, lambda mail: "id"):
        pass
    assert states(database) == {"sent": 3}


def test_retry_wants_to_be_told_what(database, monkeypatch):
    assert CliRunner().invoke(main, ["mails", "retry"]).exit_code == 2
    assert CliRunner().invoke(main, ["mails", "retry", "--all", "1"]).exit_code == 2
