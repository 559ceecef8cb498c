"""Whatever the state of an address, a signup answers the same bytes and headers, on the beat."""

from __future__ import annotations

from dataclasses import replace

import pytest

from leadmagnet import pace
from tests.support.client import client_of, confirm, sign_up
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


def capped(client, database, mailbox):
    for _ in range(4):
        sign_up(client)
        database.rows(STATUS, "pending")


STATES = [
    new, pending, just_asked, confirmed, unsubscribed, bounced, complained, erased, capped,
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


class Clock:
    """Time that passes only when somebody waits."""

    def __init__(self):
        self.now = 100.0
        self.waits = []

    def time(self):
        return self.now

    def sleep(self, seconds):
        self.waits.append(seconds)
        self.now += seconds


@pytest.mark.parametrize(
    ("took", "left_at"), [(0.001, 0.025), (0.024, 0.025), (0.026, 0.05), (0.31, 0.325)]
)
def test_an_answer_leaves_a_whole_number_of_beats_after_its_beginning(took, left_at):
    clock = Clock()
    with pace.on_the_beat(0.025, clock=clock.time, sleep=clock.sleep):
        clock.now += took
    assert clock.now - 100 == pytest.approx(left_at)


def test_every_accepted_signup_waits_for_the_beat_and_no_refused_one(start, database):
    services = start(BEAT_MILLISECONDS="25", SIGNUPS_PER_HOUR="3")
    clock = Clock()
    client = client_of(replace(services, clock=clock.time, sleep=clock.sleep))
    for body in ({}, {}, {"website": "bot"}):
        assert sign_up(client, **body).status_code == 202
    assert clock.waits == [pytest.approx(0.025)] * 3
    assert sign_up(client).status_code == 429
    assert sign_up(client, "nobody").status_code == 422
    assert len(clock.waits) == 3


def test_a_request_for_a_privacy_link_waits_for_the_beat_whoever_is_listed(start):
    services = start(BEAT_MILLISECONDS="25", SIGNUPS_PER_HOUR="2")
    clock = Clock()
    client = client_of(replace(services, clock=clock.time, sleep=clock.sleep))
    sign_up(client)
    clock.waits.clear()
    for email in (ADA, "nobody@example.org"):
        assert client.post(f"{API}/privacy/request", json={"email": email}).status_code == 202
    assert clock.waits == [pytest.approx(0.025)] * 2
    assert client.post(f"{API}/privacy/request", json={"email": ADA}).status_code == 429
    assert len(clock.waits) == 2


def test_without_a_beat_nobody_waits():
    clock = Clock()
    with pace.on_the_beat(0, clock=clock.time, sleep=clock.sleep):
        pass
    assert clock.waits == []
