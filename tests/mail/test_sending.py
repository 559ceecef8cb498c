"""The send rate limiter that all workers share: the rate, a throttling SES, a paused account."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from itertools import pairwise

import pytest
from click.testing import CliRunner

from leadmagnet.adapters.ses import Paused, Rejected, Throttled, Unknown, Unreachable, Unrecognised
from leadmagnet.commands import main
from leadmagnet.mail import outbox, send_limiter
from leadmagnet.maintenance import Maintenance
from tests.support.client import sign_up
from tests.support.services import NO_FILES, delivery
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
    while deliver(services, lambda mail: "id", sleep=waits.append):
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
        while deliver(services, lambda mail: "id", sleep=waits.append):
            pass

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # Nobody waited, so only what fits into the limiter's second of foresight was taken.
    assert 4 <= len(waits) <= 6
    assert 0.5 < shut_for(database) < 1.6


def test_a_throttled_answer_slows_everybody_down_and_each_one_for_longer(services, queue, database):
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

    def run(*arguments, exit_code=0):
        result = CliRunner().invoke(main, ["mails", *arguments])
        assert result.exit_code == exit_code, result.output
        return result.output

    return run


def test_an_operator_sees_counts_ages_and_failures_but_nobodys_address(run, services, queue):
    assert run() == "no mails yet\n"
    queue(3)
    deliver(services, lambda mail: "id")
    deliver(services, failing(Rejected("MessageRejected", "Bad content")))
    output = run(exit_code=1)
    assert [line.split()[:2] for line in output.splitlines()[:4]] == [
        ["STATE", "MAILS"],
        ["dead", "1"],
        ["queued", "1"],
        ["sent", "1"],
    ]
    assert "MessageRejected: Bad content" in output
    assert "@" not in output
    shown = json.loads(run("--json", exit_code=1))
    assert shown["failures"][0]["reason"] == "MessageRejected"
    assert shown["limiter"]["hold_reason"] is None


def test_nothing_queued_is_said(run, services, queue):
    queue(1)
    deliver(services, lambda mail: "id")
    assert run().startswith("nothing queued\n")


def test_an_operator_sees_why_sending_is_paused_and_resumes_it(run, services, queue, database):
    queue(2)
    error = Paused("MessageRejected", "Email address is not verified: …")
    deliver(services, failing(error))
    said = "paused by SES: MessageRejected (Email address is not verified: …); next try in "
    assert said in run(exit_code=1)
    assert deliver(services, pytest.fail) is False
    assert "1 mail is due again" in run("resume")
    assert "paused" not in run()
    while deliver(services, lambda mail: "id"):
        pass
    assert states(database) == {"sent": 2}


def test_an_operator_pauses_and_resumes(run, services, queue, database):
    queue(2)
    # The mail in hand is finished, and does not lift the pause.
    deliver(services, lambda mail: run("pause") and "id")
    assert states(database) == {"queued": 1, "sent": 1}
    assert deliver(services, pytest.fail) is False
    assert "paused by `leadmagnet mails pause`" in run(exit_code=1)
    run("resume")
    assert deliver(services, lambda mail: "id") is True


def test_resuming_leaves_a_mail_in_hand_to_its_worker(run, services, queue, database):
    queue(1)
    deliver(services, failing(Unreachable("connection_failed")))
    database.rows("UPDATE lm_outbox SET due_at = now()")

    def send(mail):
        run("resume")
        assert deliver(services, pytest.fail) is False
        return "id"

    assert deliver(services, send) is True
    assert states(database) == {"sent": 1}


def test_dead_mails_are_tried_again_when_told_and_no_others(run, services, queue, database):
    queue(3)
    for _ in range(2):
        deliver(services, failing(Rejected("MessageRejected")))
    dead = database.rows("SELECT id FROM lm_outbox WHERE state = 'dead' ORDER BY id")
    assert run("retry", str(dead[0]["id"])) == "1 mail is due again\n"
    assert states(database) == {"dead": 1, "queued": 2}
    assert "none of them is dead" in run("retry", str(dead[0]["id"]), exit_code=1)
    assert run("retry", "--all") == "1 mail is due again\n"
    while deliver(services, lambda mail: "id"):
        pass
    assert states(database) == {"sent": 3}


def test_mails_that_were_on_their_way_together_count_as_one_throttled_answer(
    services, queue, database
):
    queue(3)

    def send(mail):
        # The next one is claimed and throttled before this answer is there.
        deliver(services, send)
        raise Throttled("throttled")

    deliver(services, send, jitter=lambda: 1.0)
    assert database.value("SELECT throttles FROM lm_send_limiter") == 1
    assert shut_for(database) <= 1


def test_while_ses_has_paused_us_one_mail_at_a_time_tries(services, queue, database):
    queue(3)
    deliver(services, failing(Paused("SendingPausedException")))
    database.rows("UPDATE lm_send_limiter SET next_at = now()")

    def send(mail):
        assert deliver(services, pytest.fail) is False
        return "id"

    assert deliver(services, send) is True
    assert deliver(services, lambda mail: "id") is True, "and then all may go"


@pytest.mark.parametrize("kind", [Unknown, Unrecognised])
def test_several_different_mails_in_a_row_with_the_same_odd_answer_pause_sending(
    services, queue, database, log_lines, kind
):
    queue(outbox.MOST_ODD_MAILS + 1)
    for _ in range(outbox.MOST_ODD_MAILS):
        assert database.value("SELECT pause_reason FROM lm_send_limiter") is None
        deliver(services, failing(kind("status_302")))
    assert database.value("SELECT pause_reason FROM lm_send_limiter") == "status_302"
    assert deliver(services, pytest.fail) is False
    assert "sending_paused" in "".join(log_lines())
    assert database.rows("SELECT DISTINCT attempts FROM lm_outbox WHERE claims > 0") == [
        {"attempts": 1}
    ], "it counts against each of these mails all the same"


def test_one_mail_with_odd_answers_pauses_nobody(services, queue, database):
    queue(1)
    for _ in range(outbox.MOST_ODD_MAILS + 1):
        deliver(services, failing(Unrecognised("status_413")))
        database.rows("UPDATE lm_outbox SET due_at = now()")
    assert database.value("SELECT pause_reason FROM lm_send_limiter") is None


def test_a_mail_claimed_many_times_without_outcome_is_dead_and_says_so(
    services, queue, database, run, log_lines
):
    queue(1)
    tries = []

    def die(mail):
        tries.append(mail)
        raise KeyboardInterrupt

    leases = []
    for _ in range(outbox.MOST_UNKNOWN_OUTCOMES):
        with pytest.raises(KeyboardInterrupt):
            deliver(services, die)
        wait = "SELECT extract(epoch FROM due_at - claimed_at)::int FROM lm_outbox"
        leases.append(database.value(wait))
        database.rows("UPDATE lm_outbox SET due_at = now()")
    deliver(services, pytest.fail)
    assert len(tries) == outbox.MOST_UNKNOWN_OUTCOMES
    assert leases[:6] == [120, 240, 480, 960, 1920, 3840]
    assert states(database) == {"dead": 1}
    assert "no_outcome" in run(exit_code=1)
    assert "mail_dead" in "".join(log_lines())


def test_a_clock_that_was_wrong_stops_nothing_for_long(services, queue, database, run):
    queue(3)
    # Fifteen seconds of a day ahead: the limiter, and mails that were claimed or queued meanwhile.
    database.rows("UPDATE lm_send_limiter SET next_at = now() + interval '1 day'")
    database.rows("UPDATE lm_outbox SET due_at = now() + interval '1 day'")
    assert "was a clock wrong?" in run(exit_code=1)
    assert deliver(services, pytest.fail) is False
    outbox.repair_due_times(services)
    while deliver(services, lambda mail: "id"):
        pass
    assert states(database) == {"sent": 3}
    assert shut_for(database) < 1


def test_resuming_resets_a_limiter_and_due_times_of_a_wrong_clock(services, queue, database, run):
    queue(1)
    database.rows("UPDATE lm_send_limiter SET next_at = now() + interval '10 minutes'")
    database.rows("UPDATE lm_outbox SET due_at = now() + interval '1 day'")
    assert deliver(services, pytest.fail) is False
    run("resume")
    assert deliver(services, lambda mail: "id") is True


def bounce(database, count):
    database.rows(
        "INSERT INTO lm_ses_events (message_id, subscriber_id, outbox_id, type, detail)"
        " SELECT 'sns-' || o.id, o.subscriber_id, o.id, 'Bounce', 'Permanent/General'"
        " FROM (SELECT * FROM lm_outbox ORDER BY id LIMIT %s) o",
        count,
    )


def test_too_many_bounces_hold_all_mails_until_an_operator_resumes(
    start, queue, database, run, log_lines
):
    services = start(BOUNCES_PER_HUNDRED="2")
    worker = replace(services, files=NO_FILES)
    queue(4)
    for _ in range(3):
        deliver(services, lambda mail: "id")
    bounce(database, 2)
    send_limiter.brake(services)
    assert "sending_held" not in "".join(log_lines())
    database.rows("DELETE FROM lm_ses_events")
    bounce(database, 3)
    for _ in range(2):
        Maintenance(worker).run_due()
    assert "".join(log_lines()).count('"event": "sending_held"') == 1
    assert deliver(services, pytest.fail) is False
    assert "BOUNCES_PER_HUNDRED" in run(exit_code=1)
    run("resume")
    send_limiter.brake(services)
    assert deliver(services, lambda mail: "id") is True, "those before the resume no longer count"


def test_a_copied_database_sends_nothing_until_it_is_told_to(services, queue, database, run):
    queue(1)
    send_limiter.recognise_database(services)
    send_limiter.recognise_database(services)
    assert database.value("SELECT hold_reason FROM lm_send_limiter") is None
    # As in a restored dump: the row remembers another server.
    database.rows("UPDATE lm_send_limiter SET database_id = '1/1'")
    send_limiter.recognise_database(services)
    assert deliver(services, pytest.fail) is False
    assert "is a copy" in run(exit_code=1)
    run("resume")
    send_limiter.recognise_database(services)
    assert deliver(services, lambda mail: "id") is True


def test_retry_wants_to_be_told_what(database, monkeypatch):
    assert CliRunner().invoke(main, ["mails", "retry"]).exit_code == 2
    assert CliRunner().invoke(main, ["mails", "retry", "--all", "1"]).exit_code == 2
