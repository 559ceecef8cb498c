"""What an operator does for one person: by id, or by an address that no argument holds."""

from __future__ import annotations

import json

import pytest

from leadmagnet.consent import ledger
from tests.support.client import confirm, sign_up
from tests.support.settings import ADA, API


@pytest.fixture
def ada(client, mailbox):
    """Signed up and confirmed; her id."""
    sign_up(client)
    confirm(client, mailbox.deliver().token())
    return str(mailbox.unsubscribe_token()).partition(".")[0]


def by_id(ada):
    return (ada,), ""


def by_address(ada):
    return ("--address-file", "-"), f"  {ADA.upper()}\n"


@pytest.mark.parametrize("named", [by_id, by_address])
def test_show_prints_what_the_persons_own_export_holds(leadmagnet, client, mailbox, ada, named):
    args, stdin = named(ada)
    shown = leadmagnet("subscriber", "show", *args, stdin=stdin)
    assert shown.returncode == 0, shown.stderr
    assert ADA not in shown.stderr
    client.post(f"{API}/privacy/request", json={"email": ADA})
    token = mailbox.deliver().privacy_token()
    own = client.post(f"{API}/privacy/export", json={"token": token}).json
    held = json.loads(shown.stdout)
    assert len(held) == len(own.keys() - {"keptDays"})
    assert held["subscriber"]["email"] == own["subscriber"]["email"] == ADA
    assert len(held["consent_events"]) == len(own["consentEvents"])


@pytest.mark.parametrize("named", [by_id, by_address])
def test_unsubscribe_is_in_the_ledger_as_an_operators(leadmagnet, database, services, ada, named):
    args, stdin = named(ada)
    for _ in range(2):
        said = leadmagnet("subscriber", "unsubscribe", *args, stdin=stdin)
        assert said.stdout == f"{ada} gets no more mail\n", said.stderr
        assert ADA not in said.stderr
    assert database.value("SELECT status FROM lm_subscribers") == "unsubscribed"
    rows = database.rows("SELECT gesture FROM lm_consent_events WHERE type = 'unsubscribe'")
    assert rows == [{"gesture": "operator"}]
    assert ledger.verify(services).faults == []


def test_a_command_logs_only_when_it_is_asked_to(leadmagnet, ada):
    assert leadmagnet("subscriber", "unsubscribe", ada).stderr == ""
    logged = leadmagnet("--log", "subscriber", "show", ada)
    assert [json.loads(line)["event"] for line in logged.stderr.splitlines()] == [
        "subscriber_shown"
    ]


@pytest.mark.parametrize("named", [by_id, by_address])
@pytest.mark.parametrize("reason", ["person", "operator"])
def test_erase_leaves_a_tombstone_with_the_reason(leadmagnet, database, ada, named, reason):
    args, stdin = named(ada)
    said = leadmagnet("subscriber", "erase", *args, "--reason", reason, stdin=stdin)
    assert said.stdout == f"{ada} is erased\n", said.stderr
    assert ADA not in said.stderr
    assert database.count("lm_subscribers") == 0
    assert database.rows("SELECT erased_by, address_hash FROM lm_erasures") == [
        {"erased_by": reason, "address_hash": None}
    ]
    again = leadmagnet("subscriber", "erase", *args, "--reason", reason, stdin=stdin)
    assert (again.returncode, again.stderr) == (1, "Error: there is no such subscriber\n")


def test_an_address_that_is_asked_for_is_in_no_argument(leadmagnet, database, ada):
    said = leadmagnet("subscriber", "unsubscribe", stdin=f"{ADA}\n")
    assert said.stdout.endswith(f"{ada} gets no more mail\n"), said.stderr
    assert "Address:" in said.stderr
    assert database.value("SELECT status FROM lm_subscribers") == "unsubscribed"


def test_an_objection_suppresses_the_address(leadmagnet, database, client, mailbox, ada):
    said = leadmagnet("subscriber", "erase", ada, "--reason", "person", "--object")
    assert said.stdout == f"{ada} is erased, their address suppressed\n", said.stderr
    sign_up(client)
    mailbox.deliver()
    assert database.count("lm_outbox") == 0


@pytest.mark.parametrize(
    ("args", "stdin", "sentence"),
    [
        (("show",), "", "give an ID, or --address-file FILE"),
        (("erase", "--reason", "person"), "", "give an ID, or --address-file FILE"),
        (("show", ADA), "", "is not a valid UUID"),
        (("show", "00000000-0000-7000-8000-000000000000", "--address-file", "-"), ADA, "give an"),
        (("show", "--address-file", "-"), "nobody", "this is no e-mail address"),
        (("show",), "nobody\n", "this is no e-mail address"),
        (("unsubscribe", "--address-file", "-"), "b@example.org", "there is no such subscriber"),
        (("erase", "00000000-0000-7000-8000-000000000000"), "", "Missing option '--reason'"),
    ],
)
def test_what_cannot_be_is_one_sentence_and_changes_nothing(
    leadmagnet, database, args, stdin, sentence
):
    before = database.checksum()
    said = leadmagnet("subscriber", *args, stdin=stdin)
    assert said.returncode in (1, 2)
    assert sentence in said.stderr
    assert "Traceback" not in said.stderr
    assert database.checksum() == before
