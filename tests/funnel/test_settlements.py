"""What was accepted is settled, in its order; what cannot be settled waits, and is shown."""

from __future__ import annotations

import pytest

from leadmagnet.funnel import settlements
from tests.support.client import client_of, confirm, sign_up
from tests.support.settings import API
from tests.support.settling import settle


@pytest.fixture
def waiting(start):
    """A client whose requests no worker settles yet, and its services."""
    client = client_of(start(), worker=False)
    return client, client.application.extensions["leadmagnet"]


def test_a_request_waits_whole_until_it_is_settled_and_is_gone_then(waiting, database):
    client, services = waiting
    sign_up(client)
    assert (database.count("lm_requests"), database.count("lm_subscribers")) == (1, 0)
    settle(services)
    assert (database.count("lm_requests"), database.count("lm_subscribers")) == (0, 1)


def test_the_ledger_says_when_it_was_accepted_and_when_it_was_recorded(waiting, database):
    client, services = waiting
    sign_up(client)
    database.rows("UPDATE lm_requests SET accepted_at = now() - interval '1 day'")
    settle(services)
    assert database.value(
        "SELECT recorded_at - occurred_at > interval '23 hours' FROM lm_consent_events"
    )


def test_a_worker_that_was_down_for_a_day_settles_all_with_the_time_of_each_act(
    waiting, database, mailbox
):
    client, _ = waiting
    sign_up(client, "bob@example.org")
    token = mailbox.deliver().token("bob@example.org")
    database.rows("UPDATE lm_subscribers SET asked_at = now() - interval '2 days'")
    sign_up(client)
    client.post(f"{API}/links/renew", json={"token": token})
    client.post(f"{API}/privacy/request", json={"email": "bob@example.org"})
    database.rows("UPDATE lm_requests SET accepted_at = accepted_at - interval '1 day'")
    accepted = database.rows(
        "SELECT id, accepted_at FROM lm_requests WHERE kind <> 'privacy' ORDER BY id"
    )
    mailbox.deliver()
    acts = database.rows(
        "SELECT request_id AS id, occurred_at AS accepted_at FROM lm_consent_events"
        " WHERE recorded_at - occurred_at > interval '23 hours' ORDER BY request_id"
    )
    assert acts == accepted
    assert mailbox.kinds() == ["confirm"]
    assert mailbox.kinds("bob@example.org")[1:] == ["privacy", "confirm"]
    assert database.count("lm_requests") == 0
    # Who asked yesterday may confirm today.
    assert confirm(client, mailbox.token()).json["status"] == "confirmed"


def test_a_request_that_cannot_be_settled_holds_up_nobody_and_is_kept_for_an_operator(
    waiting, database, log_lines, leadmagnet
):
    client, services = waiting
    database.rows(
        "ALTER TABLE lm_subscribers ADD CONSTRAINT broken CHECK (email NOT LIKE 'eve%%') NOT VALID"
    )
    for name in ("ada", "eve", "bob"):
        sign_up(client, f"{name}@example.org")
    settle(services)
    assert database.count("lm_subscribers") == 2
    for _ in range(settlements.MOST_ATTEMPTS):
        database.rows("UPDATE lm_requests SET due_at = now()")
        settle(services)
    assert database.rows(
        "SELECT attempts, reason, failed_at IS NULL AS waits FROM lm_requests"
    ) == [{"attempts": settlements.MOST_ATTEMPTS, "reason": "CheckViolation", "waits": False}]
    assert sum("request_failed" in line for line in log_lines()) == 1
    for options in ((), ("--json",)):
        assert leadmagnet("requests", *options).returncode == 1
    assert "1 failed" in leadmagnet("requests").stdout
    database.rows("ALTER TABLE lm_subscribers DROP CONSTRAINT broken")
    unknown = leadmagnet("requests", "retry", "7000")
    assert (unknown.returncode, unknown.stdout) == (1, "")
    assert "none of them has failed" in unknown.stderr
    assert leadmagnet("requests", "retry", "--all").stdout == "1 request waits again\n"
    assert leadmagnet("requests").returncode == 0
    settle(services)
    assert database.count("lm_subscribers") == 3


def test_an_erasure_takes_what_the_person_asked_and_waits(waiting, database):
    client, services = waiting
    sign_up(client)
    settle(services)
    database.rows("UPDATE lm_subscribers SET asked_at = now() - interval '1 day'")
    sign_up(client)
    database.rows("SELECT lm_erase(id, 'operator', NULL, NULL) FROM lm_subscribers")
    settle(services)
    assert (database.count("lm_requests"), database.count("lm_subscribers")) == (0, 0)
