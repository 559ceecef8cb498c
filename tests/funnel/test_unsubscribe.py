"""Leaving: one click, by any body a mail provider sends, and looking changes nothing."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import pytest

from leadmagnet.funnel import tokens
from tests.support.client import client_of, confirm, problem, sign_up
from tests.support.database import NOWHERE
from tests.support.settings import ADA, API, COUNTS, DELIVERY, NEWSLETTER


@pytest.fixture
def leave(client, mailbox):
    sign_up(client)
    confirm(client, mailbox.deliver().token())
    return f"{API}/unsubscribe/{mailbox.unsubscribe_token()}"


def left(answer):
    return answer.json["status"], answer.json["newsletter"]


def unsubscriptions(database):
    return database.rows("SELECT gesture FROM lm_consent_events WHERE type = 'unsubscribe'")


BODIES = {
    "one-click, urlencoded": {"data": {"List-Unsubscribe": "One-Click"}},
    "one-click, multipart": {
        "data": {"List-Unsubscribe": "One-Click"},
        "content_type": "multipart/form-data",
    },
    "empty": {},
    "JSON from the page": {"json": {}},
    "nonsense": {"data": b"\xff\x00", "content_type": "application/octet-stream"},
    "cookies and keys": {"headers": {"Cookie": "session=x", "Authorization": "Bearer x"}},
    "foreign origin": {"headers": {"Origin": "https://mail.example.com", "User-Agent": ""}},
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
def test_a_post_with_any_body_unsubscribes_at_once(client, database, leave, body):
    answer = client.post(leave, **body)
    assert answer.status_code == 200
    assert "Location" not in answer.headers
    assert "Set-Cookie" not in answer.headers
    assert left(answer) == ("unsubscribed", False)
    assert database.value("SELECT status FROM lm_subscribers") == "unsubscribed"
    assert len(unsubscriptions(database)) == 1


def test_the_gesture_is_recorded_as_it_was(client, database, leave):
    client.post(leave, json={})
    assert unsubscriptions(database) == [{"gesture": "unsubscribe_button"}]


def test_ten_at_once_and_again_are_one_event(client, database, leave):
    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda _: client.application.test_client().post(leave), range(10)))
    answers.append(client.post(leave))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.data for answer in answers}) == 1
    assert unsubscriptions(database) == [{"gesture": "one_click"}]


def test_looking_says_what_would_end_without_naming_anybody(client, database, leave):
    before = database.checksum()
    for method in ("GET", "HEAD", "OPTIONS"):
        assert client.open(leave, method=method).status_code == 200
    answer = client.get(leave)
    assert left(answer) == ("confirmed", False)
    assert ADA not in answer.text
    assert database.checksum() == before


def test_before_a_confirmation_it_means_this_was_not_me(client, database, mailbox):
    sign_up(client)
    leave = f"{API}/unsubscribe/{mailbox.deliver().unsubscribe_token()}"
    shown = client.get(leave).json
    assert (shown["status"], shown["notMeDays"]) == ("pending", 180)
    client.post(leave)
    assert database.value("SELECT status FROM lm_subscribers") == "unsubscribed"


@pytest.fixture
def not_me(client, mailbox):
    sign_up(client)
    leave = f"{API}/unsubscribe/{mailbox.deliver().unsubscribe_token()}"
    return client.post(leave)


def days_later(database, days):
    database.rows(
        f"""UPDATE lm_subscribers SET asked_at = asked_at - interval '{days} days',
            status_at = status_at - interval '{days} days',
            not_me_at = not_me_at - interval '{days} days'"""
    )


def test_after_not_me_no_signup_mails_the_address_for_half_a_year(
    client, database, mailbox, not_me
):
    half_a_year = database.value("SELECT status_at + interval '180 days' FROM lm_subscribers")
    assert datetime.fromisoformat(not_me.json["notMeUntil"]) == half_a_year
    days_later(database, 179)
    sign_up(client)
    sign_up(client, consents=[DELIVERY, NEWSLETTER])
    assert len(mailbox.deliver().messages()) == 1
    outcomes = "SELECT n FROM lm_request_outcomes WHERE outcome = 'suppressed'"
    assert database.value(outcomes) == 2
    days_later(database, 2)
    sign_up(client)
    assert len(mailbox.deliver().messages()) == 2


@pytest.mark.parametrize("press", ["JSON from the page", "one-click, urlencoded"])
def test_it_was_not_me_once_more_after_the_promise_ended(client, database, mailbox, not_me, press):
    days_later(database, 181)
    sign_up(client)
    assert says_not_me_again(client, database, mailbox, press)


@pytest.mark.parametrize("press", ["JSON from the page", "one-click, urlencoded"])
def test_who_was_confirmed_and_left_can_say_it_was_not_me(client, database, mailbox, leave, press):
    client.post(leave)
    assert left(client.get(leave)) == ("unsubscribed", False)
    days_later(database, 1)
    sign_up(client)
    assert says_not_me_again(client, database, mailbox, press)


def says_not_me_again(client, database, mailbox, press):
    """Whether the second mail's link starts the promise, and a third signup mails nothing."""
    leave = f"{API}/unsubscribe/{mailbox.deliver().unsubscribe_token()}"
    assert len(mailbox.messages()) == 2
    assert left(client.get(leave)) == ("pending", False)
    said = [client.post(leave, **BODIES[press]).json for _ in range(2)]
    assert said[0] == said[1]
    assert len(unsubscriptions(database)) == 2
    until = database.value("SELECT now() + interval '179 days'")
    assert said[0]["status"] == "unsubscribed"
    assert datetime.fromisoformat(said[0]["notMeUntil"]) > until
    days_later(database, 179)
    sign_up(client)
    return len(mailbox.deliver().messages()) == 2


def test_a_plain_no_after_a_confirmation_promises_no_silence(client, database, mailbox, not_me):
    days_later(database, 1)
    client.post(f"{API}/links/renew", json={"token": mailbox.token()})
    confirm(client, mailbox.deliver().token())
    leave = f"{API}/unsubscribe/{mailbox.unsubscribe_token()}"
    assert client.post(leave).json["notMeUntil"] is None


def test_after_not_me_the_mails_own_link_still_gets_another(client, database, mailbox, not_me):
    days_later(database, 3)
    assert client.post(f"{API}/links/renew", json={"token": mailbox.token()}).status_code == 202
    assert len(mailbox.deliver().messages()) == 2
    assert confirm(client, mailbox.token()).json["status"] == "confirmed"


def test_who_was_confirmed_and_left_is_asked_again_when_the_address_is_entered(
    client, database, mailbox, leave
):
    assert client.post(leave).json["notMeUntil"] is None
    days_later(database, 1)
    sign_up(client)
    assert len(mailbox.deliver().messages()) == 2
    assert database.value("SELECT status FROM lm_subscribers") == "unsubscribed"


def test_the_link_says_the_language_of_the_mail(client, mailbox):
    sign_up(client, locale="en")
    leave = mailbox.deliver().unsubscribe_token()
    french = {"Accept-Language": "fr"}
    described = client.get(f"{API}/confirm/{mailbox.token()}", headers=french).json
    assert described["locale"] == "en"
    assert described["magnet"]["title"] == "The Serene Bride’s Guide"
    assert client.get(f"{API}/unsubscribe/{leave}", headers=french).json["locale"] == "en"


def test_it_ends_the_newsletter(client, database, leave):
    database.rows("UPDATE lm_subscribers SET newsletter = true")
    assert left(client.get(leave)) == ("confirmed", True)
    client.post(leave)
    assert database.value("SELECT newsletter FROM lm_subscribers") is False


def forged(token):
    name, signature = token.split(".")
    other = "0199f3a2-7c11-7d2e-8f3a-5b6c7d8e9f01"
    flipped = ("B" if signature[0] == "A" else "A") + signature[1:]
    return [
        name,
        f"{name}.",
        f".{signature}",
        f"{name}.{signature}.extra",
        f"{name}.{signature[:-1]}",
        f"{name}.{flipped}",
        f"{other}.{signature}",
        f"{{{name}}}.{signature}",
        f"{name.upper()}.{signature}",
        name.replace("-", "") + f".{signature}",
        f"urn:uuid:{name}.{signature}",
        "x",
        "é.é",
    ]


def test_a_forged_token_is_a_404_and_always_the_same(client, database, leave):
    base, _, token = leave.rpartition("/")
    before = database.checksum(without=COUNTS)
    bodies = set()
    for each in forged(token):
        for answer in (client.get(f"{base}/{each}"), client.post(f"{base}/{each}")):
            assert problem(answer) == (404, "token_unknown"), each
            bodies.add(answer.data)
    assert len(bodies) == 1
    assert database.checksum(without=COUNTS) == before


def test_a_confirmation_token_unsubscribes_nobody(client, database, leave, mailbox):
    assert problem(client.post(f"{API}/unsubscribe/{mailbox.token()}")) == (404, "token_unknown")
    assert database.value("SELECT status FROM lm_subscribers") == "confirmed"


def test_links_under_a_former_key_work_as_long_as_the_key_is_kept(start, client, leave):
    old, new = "k1-" + "x" * 40, "k2-" + "y" * 40
    rotated = client_of(start(UNSUBSCRIBE_KEYS=f"{new},{old}"))
    dropped = client_of(start(UNSUBSCRIBE_KEYS=new))
    assert problem(dropped.post(leave)) == (404, "token_unknown")
    assert rotated.post(leave).status_code == 200


def test_the_first_key_signs(database, client, leave):
    keys = (b"n" * 32, b"o" * 32)
    subscriber_id = database.value("SELECT id FROM lm_subscribers")
    token = tokens.sign(subscriber_id, keys)
    assert tokens.signed_subscriber(token, keys[:1]) == subscriber_id


def test_after_an_erasure_nothing_is_created(client, database, leave):
    database.rows("DELETE FROM lm_subscribers")
    assert problem(client.post(leave)) == (404, "token_unknown")
    assert problem(client.get(leave)) == (404, "token_unknown")
    assert database.count("lm_subscribers") == database.count("lm_consent_events") == 0


def test_a_complaint_stays_a_complaint(client, database, leave):
    database.rows("UPDATE lm_subscribers SET status = 'complained', newsletter = false")
    assert client.post(leave).status_code == 200
    assert database.value("SELECT status FROM lm_subscribers") == "complained"


def test_a_database_that_is_away_is_a_503_and_the_next_try_works(client, database, leave, start):
    away = client_of(start(DATABASE_URL=NOWHERE))
    assert problem(away.post(leave)) == (503, "service_unavailable")
    assert client.post(leave).status_code == 200


@pytest.fixture
def both(client, mailbox):
    """Confirmed for the guide and for the newsletter."""
    sign_up(client, consents=[DELIVERY, NEWSLETTER])
    confirm(client, mailbox.deliver().token())
    return f"{API}/unsubscribe/{mailbox.unsubscribe_token()}"


def newsletter(client, leave):
    return client.post(leave, json={"purpose": "newsletter"})


def test_the_newsletter_can_be_ended_alone(client, database, both):
    answers = [newsletter(client, both) for _ in range(3)]
    assert [left(answer) for answer in answers] == [("confirmed", False)] * 3
    (event,) = database.rows("SELECT * FROM lm_consent_events WHERE type = 'unsubscribe'")
    assert (event["purpose"], event["gesture"]) == ("newsletter", "unsubscribe_button")
    assert database.value("SELECT status FROM lm_subscribers") == "confirmed"


@pytest.mark.parametrize(
    "body",
    [
        {"json": {"purpose": "delivery"}},
        {"json": {"purpose": ["newsletter"]}},
        {"json": ["newsletter"]},
        {"data": {"purpose": "newsletter"}},
        {"data": b'{"purpose": "newsletter"', "content_type": "application/json"},
        {"data": b'{"purpose": "newsletter"}', "content_type": "text/plain"},
    ],
)
def test_any_other_body_ends_everything(client, database, both, body):
    assert left(client.post(both, **body)) == ("unsubscribed", False)
    assert database.value("SELECT status FROM lm_subscribers") == "unsubscribed"


def test_after_the_newsletter_everything_can_be_ended(client, database, both):
    newsletter(client, both)
    client.post(both)
    assert left(client.get(both)) == ("unsubscribed", False)
    assert left(newsletter(client, both)) == ("unsubscribed", False)
    assert len(unsubscriptions(database)) == 2


def test_a_link_of_before_does_not_bring_the_newsletter_back(client, database, mailbox):
    sign_up(client, consents=[DELIVERY, NEWSLETTER])
    token = mailbox.deliver().token()
    leave = f"{API}/unsubscribe/{mailbox.unsubscribe_token()}"
    assert left(newsletter(client, leave)) == ("pending", False)
    assert client.get(f"{API}/confirm/{token}").json["purposes"] == ["delivery"]
    assert confirm(client, token).json["status"] == "confirmed"
    assert database.value("SELECT newsletter FROM lm_subscribers") is False
    confirmed = database.rows("SELECT purpose FROM lm_consent_events WHERE type = 'confirm'")
    assert confirmed == [{"purpose": "delivery"}]


def test_asking_for_it_again_does(client, database, mailbox, both):
    newsletter(client, both)
    database.rows("UPDATE lm_subscribers SET asked_at = now() - interval '1 hour'")
    sign_up(client, consents=[DELIVERY, NEWSLETTER])
    confirm(client, mailbox.deliver().token())
    assert database.value("SELECT newsletter FROM lm_subscribers") is True


def test_who_never_had_the_newsletter_ends_nothing(client, database, leave):
    before = database.checksum()
    assert left(newsletter(client, leave)) == ("confirmed", False)
    assert database.checksum() == before


def test_ending_the_newsletter_after_an_erasure_is_a_404(client, database, both):
    database.rows("DELETE FROM lm_subscribers")
    assert problem(newsletter(client, both)) == (404, "token_unknown")
