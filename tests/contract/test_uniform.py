"""Whatever the state of an address, a signup answers the same bytes and headers, and looks at
nothing that could make its time differ."""

from __future__ import annotations

import ast
import re

import pytest

from leadmagnet import database as db
from tests.support.client import confirm, sign_up
from tests.support.paths import path_of
from tests.support.settings import ADA, API

STATUS = "UPDATE lm_subscribers SET status = %s, asked_at = asked_at - interval '1 day'"


def new(client, database, mailbox):
    pass


def pending(client, database, mailbox):
    sign_up(client)
    database.rows(STATUS, "pending")


def just_asked(client, database, mailbox):
    sign_up(client)


def confirmed(client, database, mailbox):
    sign_up(client)
    confirm(client, mailbox.deliver().token())
    database.rows(STATUS, "confirmed")


def unsubscribed(client, database, mailbox):
    sign_up(client)
    client.post(f"{API}/unsubscribe/{mailbox.deliver().unsubscribe_token()}")
    database.rows(STATUS, "unsubscribed")


def bounced(client, database, mailbox):
    sign_up(client)
    database.rows(STATUS, "bounced")


def complained(client, database, mailbox):
    sign_up(client)
    database.rows(STATUS, "complained")


def erased(client, database, mailbox):
    sign_up(client)
    database.rows("DELETE FROM lm_subscribers")


def mailbox_full(client, database, mailbox):
    for _ in range(4):
        sign_up(client)
        database.rows(STATUS, "pending")


STATES = [
    new, pending, just_asked, confirmed, unsubscribed, bounced, complained, erased, mailbox_full,
]  # fmt: skip


def shown(answer):
    """All of an answer but its own number."""
    headers = [(name, value) for name, value in answer.headers if name != "X-Request-Id"]
    return answer.status_code, answer.data, headers


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.__name__)
@pytest.mark.parametrize("language", ["fr", "en"])
def test_the_answer_tells_nothing_of_the_state(client, database, mailbox, state, language):
    state(client, database, mailbox)
    headers = {"Accept-Language": language, "Origin": "https://www.light-and-shutter.example"}
    ask = lambda email, **body: client.post(
        f"{API}/signup",
        json={"email": email, "consents": ["guide-mariee-sereine-delivery-fr-1"], **body},
        headers=headers,
    )
    expected = shown(ask("nobody.yet@example.org"))
    assert shown(ask(ADA)) == expected
    assert shown(ask("other@example.org", website="bot")) == expected
    assert shown(ask("postmaster@example.org")) == expected


# What is held about an address.
HELD = ("lm_subscribers", "lm_suppressions", "lm_outbox", "lm_download_tokens", "lm_consent_events")
ACCEPTING = ("request_sign_up", "request_ask", "limit_look")


@pytest.fixture
def functions(database):
    """The body of each function of ours, by name."""
    rows = database.rows("SELECT proname, prosrc FROM pg_proc WHERE proname LIKE 'lm\\_%%'")
    return {row["proname"]: row["prosrc"] for row in rows}


@pytest.mark.parametrize("name", ACCEPTING)
def test_what_accepts_a_request_reads_nothing_that_is_held_about_an_address(functions, name):
    texts, called = [db.queries()[name].text], set()
    while texts:
        text = texts.pop()
        assert not set(HELD) & set(re.findall(r"lm_\w+", text)), text
        new = set(re.findall(r"(lm_\w+)\(", text)) & set(functions) - called
        called |= new
        texts += [functions[function] for function in new]
    assert called


def test_the_three_requests_run_no_other_statement(client, database, monkeypatch):
    """And no trigger sits on the table that they write to."""
    client.worker = False
    ran = []
    services = client.application.extensions["leadmagnet"]
    every = services.database.all
    monkeypatch.setattr(
        type(services.database),
        "all",
        lambda self, name, **given: ran.append(name) or every(name, **given),
    )
    sign_up(client)
    client.post(f"{API}/privacy/request", json={"email": ADA})
    client.post(f"{API}/links/renew", json={"token": "a" * 43})
    assert ran == ["request_sign_up", "request_ask", "request_ask"]
    assert set(ran) <= set(ACCEPTING)
    assert not database.rows(
        "SELECT FROM pg_trigger WHERE tgrelid = 'lm_requests'::regclass AND NOT tgisinternal"
    )


def test_nothing_sleeps_in_a_request():
    waiting = []
    for room in ("routes", "web", "funnel", "rights"):
        for path in path_of(f"src/leadmagnet/{room}").rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Attribute) and node.attr in ("sleep", "wait"):
                    waiting.append(f"{path.name}:{node.lineno}")
    assert waiting == []
