"""Signing up: one uniform answer, one statement, nothing half-written."""

from __future__ import annotations

import contextlib
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from tests.support.client import client_of, confirm, problem, sign_up
from tests.support.database import NOWHERE
from tests.support.settings import ADA, API, COUNTS, DELIVERY, NEWSLETTER
from tests.support.settling import settle


def test_a_new_address_becomes_a_pending_subscriber_with_an_event_and_a_mail(client, database):
    answer = sign_up(client)
    assert answer.status_code == 202
    (subscriber,) = database.rows("SELECT * FROM lm_subscribers")
    assert (subscriber["email"], subscriber["status"]) == (ADA, "pending")
    (event,) = database.rows("SELECT * FROM lm_consent_events")
    assert (event["type"], event["purpose"]) == ("signup", "delivery")
    assert (event["consent_text_id"], event["policy_version"]) == (DELIVERY, "2026-11")
    (mail,) = database.rows("SELECT * FROM lm_outbox")
    assert (mail["state"], mail["consents"], mail["locale"]) == ("queued", [DELIVERY], "fr")


def test_the_body_of_the_former_page_is_told_what_to_send_instead(client, database):
    body = {"email": ADA, "consentGiven": True, "source": "landing_page"}
    answer = client.post(f"{API}/signup", json=body)
    assert problem(answer) == (422, "consents_expected")
    assert [error["pointer"] for error in answer.json["errors"]] == ["/consents"]
    assert "GET /api/lead-magnet/magnets" in answer.json["detail"]
    assert database.count("lm_requests") == database.count("lm_subscribers") == 0


def test_each_purpose_agreed_to_is_an_event_of_its_own(client, database):
    sign_up(client, consents=[NEWSLETTER, DELIVERY])
    rows = database.rows("SELECT purpose FROM lm_consent_events ORDER BY purpose")
    assert [row["purpose"] for row in rows] == ["delivery", "newsletter"]


def test_the_context_is_kept_apart_from_the_event(client, database):
    client.post(
        f"{API}/signup",
        json={"email": ADA, "consents": [DELIVERY]},
        headers={"User-Agent": "A page’s browser"},
    )
    (context,) = database.rows("SELECT host(ip) AS ip, user_agent FROM lm_consent_context")
    assert context == {"ip": "127.0.0.1", "user_agent": "A page’s browser"}


@pytest.mark.parametrize("agent", ["x" * 8192, "a\u0000b", "\u202eevil", "📷" * 400])
def test_any_user_agent_is_taken_shortened_and_printable(client, database, agent):
    answer = client.post(
        f"{API}/signup",
        json={"email": ADA, "consents": [DELIVERY]},
        environ_overrides={"HTTP_USER_AGENT": agent},
    )
    assert answer.status_code == 202
    kept = database.value("SELECT user_agent FROM lm_consent_context")
    assert len(kept) <= 500
    assert kept.isprintable()


def test_the_same_again_at_once_queues_no_second_mail(client, database):
    first, second = sign_up(client), sign_up(client)
    assert second.data == first.data
    assert (database.count("lm_outbox"), database.count("lm_consent_events")) == (1, 1)


def test_the_same_after_the_cool_down_queues_another(client, database):
    sign_up(client)
    database.rows("UPDATE lm_subscribers SET asked_at = asked_at - interval '301 seconds'")
    sign_up(client)
    assert (database.count("lm_subscribers"), database.count("lm_outbox")) == (1, 2)


def test_agreeing_to_more_at_once_is_a_request_of_its_own(client, database):
    sign_up(client)
    sign_up(client, consents=[DELIVERY, NEWSLETTER])
    assert (database.count("lm_subscribers"), database.count("lm_outbox")) == (1, 2)


def test_agreeing_to_more_and_less_in_turns_queues_each_once(client, database):
    for number in range(8):
        sign_up(client, consents=[DELIVERY, NEWSLETTER][: 1 + number % 2])
    assert database.count("lm_outbox") == 2


def test_fifty_signups_at_once_make_one_subscriber_and_one_mail(client, database):
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: sign_up(client.application.test_client()), range(50)))
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.data for answer in answers}) == 1
    assert database.count("lm_subscribers") == 1
    assert database.count("lm_outbox") == 1
    assert database.count("lm_consent_events") == 1


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("a@example.com", "A@Example.COM"),
        ("a@münchen.de", "a@xn--mnchen-3ya.de"),
        ("a@example.com", "  a@example.com "),
    ],
)
def test_spellings_of_one_address_are_one_subscriber(client, database, first, second):
    sign_up(client, first)
    sign_up(client, second)
    assert database.count("lm_subscribers") == 1


def test_a_look_alike_domain_is_stored_as_what_it_is(client, database):
    assert sign_up(client, "ada@раypal.com").status_code == 202
    assert database.value("SELECT email FROM lm_subscribers").startswith("ada@xn--")


@pytest.mark.parametrize("status", ["bounced", "complained"])
def test_an_address_that_must_not_be_written_to_gets_the_same_answer_and_no_mail(
    client, database, status
):
    expected = sign_up(client).data
    database.rows("DELETE FROM lm_outbox")
    database.rows(
        "UPDATE lm_subscribers SET status = %s, asked_at = asked_at - interval '1 day'", status
    )
    assert sign_up(client).data == expected
    assert database.count("lm_outbox") == 0
    assert database.value("SELECT status FROM lm_subscribers") == status


def test_an_unsubscribed_address_gets_a_new_opt_in_and_stays_out_until_it_is_pressed(
    client, database, mailbox
):
    sign_up(client)
    confirm(client, mailbox.deliver().token())
    client.post(f"{API}/unsubscribe/{mailbox.unsubscribe_token()}")
    database.rows("UPDATE lm_subscribers SET asked_at = asked_at - interval '1 day'")
    assert sign_up(client).status_code == 202
    assert database.value("SELECT status FROM lm_subscribers") == "unsubscribed"
    assert mailbox.deliver().kinds() == ["confirm", "confirm"]
    assert confirm(client, mailbox.token()).json["status"] == "confirmed"
    assert database.value("SELECT status FROM lm_subscribers") == "confirmed"


def test_a_confirmed_address_that_asks_again_gets_a_link_that_only_downloads(
    client, database, mailbox
):
    sign_up(client)
    confirm(client, mailbox.deliver().token())
    database.rows("UPDATE lm_subscribers SET asked_at = asked_at - interval '1 day'")
    sign_up(client)
    assert mailbox.deliver().kinds() == ["confirm", "download"]
    rows = database.rows("SELECT kind FROM lm_download_tokens ORDER BY id")
    assert [row["kind"] for row in rows] == ["confirm", "download"]
    assert confirm(client, mailbox.token()).json["status"] == "already_confirmed"


def test_a_confirmed_address_that_asks_for_the_newsletter_proves_it_by_a_press(
    client, database, mailbox
):
    sign_up(client)
    confirm(client, mailbox.deliver().token())
    assert database.value("SELECT newsletter FROM lm_subscribers") is False
    sign_up(client, consents=[DELIVERY, NEWSLETTER])
    assert database.value("SELECT newsletter FROM lm_subscribers") is False
    assert confirm(client, mailbox.deliver().token()).json["status"] == "confirmed"
    assert database.value("SELECT newsletter FROM lm_subscribers") is True
    offered = ["Ce n’était pas moi", "Me désinscrire"]
    texts = [mail["text"] for mail in mailbox.messages()]
    assert [[each in text for each in offered] for text in texts] == [[False, True], [True, False]]


@pytest.mark.parametrize("website", ["https://spam.example", " ", 1, ["x"], {"a": 1}])
def test_a_filled_honeypot_gets_the_same_answer_and_is_only_counted(client, database, website):
    before = database.checksum(without=COUNTS)
    bot = sign_up(client, "bot@example.org", website=website)
    assert database.checksum(without=COUNTS) == before
    person = sign_up(client)
    assert (bot.status_code, bot.data) == (person.status_code, person.data)
    assert set(bot.headers.keys()) == set(person.headers.keys())


@pytest.mark.parametrize("website", ["", None])
def test_an_empty_honeypot_is_no_bot(client, database, website):
    sign_up(client, website=website)
    assert database.count("lm_subscribers") == 1


def test_mail_to_the_studios_own_domain_is_sent(client, mailbox):
    sign_up(client, "owner@light-and-shutter.example", source="x" * 64)
    assert mailbox.deliver().messages("owner@light-and-shutter.example")


@pytest.mark.parametrize(
    "email",
    [
        "postmaster@example.org",
        "no-reply@example.org",
        "Abuse+x@example.org",
        "guide@light-and-shutter.example",
    ],
)
def test_a_mailbox_that_is_no_persons_gets_the_same_answer_and_no_mail(client, database, email):
    assert sign_up(client, email).data == sign_up(client, "grace@example.org").data
    assert database.count("lm_subscribers") == 1


def test_the_answer_speaks_the_language_asked_for(client):
    french = sign_up(client, "a1@example.org")
    english = client.post(
        f"{API}/signup",
        json={"email": "a2@example.org", "consents": [DELIVERY]},
        headers={"Accept-Language": "en-GB,en;q=0.8"},
    )
    assert "e-mail est en route" in french.json["message"]
    assert "on its way" in english.json["message"]


def test_the_mails_language_is_the_texts_unless_said(client, database):
    sign_up(client, "a1@example.org", consents=["guide-mariee-sereine-delivery-en-1"])
    sign_up(client, "a2@example.org", locale="en")
    rows = database.rows("SELECT locale FROM lm_outbox")
    assert [row["locale"] for row in rows] == ["en", "en"]


@pytest.mark.parametrize(("hours", "taken"), [(23, True), (25, False)])
def test_a_retired_text_is_taken_for_as_long_as_pages_stay_open(client, database, hours, taken):
    database.rows(f"UPDATE lm_consent_texts SET retired_at = now() - interval '{hours} hours'")
    answer = sign_up(client)
    assert answer.status_code == 202 if taken else problem(answer) == (422, "consent_unknown")


@pytest.mark.parametrize("magnet", ["no-such-guide", "../../etc/passwd", "", "x" * 300, 1, None])
def test_an_unknown_magnet_is_refused_and_nothing_written(client, database, magnet):
    assert problem(sign_up(client, magnet=magnet)) == (422, "magnet_unknown")
    assert database.count("lm_subscribers") == 0


def test_another_magnets_text_is_refused(client, database):
    database.rows(
        """INSERT INTO lm_magnets (slug, title, description, file_name)
           SELECT 'other', title, description, file_name FROM lm_magnets;
           INSERT INTO lm_magnet_files (magnet_id, sha256, size_bytes, s3_key)
           SELECT m.id, sha256, size_bytes, f.s3_key FROM lm_magnets m, lm_magnet_files f
           WHERE m.slug = 'other';
           UPDATE lm_magnets m SET s3_key = f.s3_key FROM lm_magnet_files f"""
    )
    assert problem(sign_up(client, magnet="other")) == (422, "consent_unknown")
    assert database.count("lm_subscribers") == 0


@pytest.mark.parametrize(
    "consents",
    [None, "x", [], [1], {}, True, [None], [NEWSLETTER], [""], ["y"] * 11],
)
def test_without_the_required_consent_nothing_is_written(client, database, consents):
    assert problem(sign_up(client, consents=consents)) == (422, "consent_required")
    assert database.count("lm_subscribers") == 0


def test_a_text_that_is_named_twice_is_agreed_to_once(client, database):
    assert sign_up(client, consents=[DELIVERY, DELIVERY]).status_code == 202
    assert database.rows("SELECT asked_consents FROM lm_subscribers") == [
        {"asked_consents": [DELIVERY]}
    ]
    assert database.count("lm_consent_events") == 1


def test_a_missing_consent_is_refused(client):
    answer = client.post(f"{API}/signup", json={"email": ADA})
    assert problem(answer) == (422, "consent_required")
    assert answer.json["errors"][0]["pointer"] == "/consents"


@pytest.mark.parametrize(
    "consents",
    [
        ["no-such-text"],
        [DELIVERY, "no-such-text"],
        [DELIVERY, "guide-mariee-sereine-delivery-en-1"],
    ],
)
def test_consents_that_do_not_fit_are_refused(client, database, consents):
    assert problem(sign_up(client, consents=consents)) == (422, "consent_unknown")
    assert database.count("lm_subscribers") == 0


def test_a_failing_mail_service_is_no_visitors_business(client, database, mailbox, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL_SESV2", "http://127.0.0.1:9")
    broken = type(mailbox.mailer)()
    assert sign_up(client).status_code == 202
    deliverer, mailbox.mailer = mailbox.mailer, broken
    mailbox.deliver()
    assert database.value("SELECT state FROM lm_outbox") == "queued"
    mailbox.mailer = deliverer
    database.rows("UPDATE lm_outbox SET due_at = now()")
    assert mailbox.deliver().kinds() == ["confirm"]


def test_a_database_that_is_away_is_a_503_that_promises_nothing(start):
    services = start(DATABASE_URL=NOWHERE)
    assert problem(sign_up(client_of(services))) == (503, "service_unavailable")


def test_a_lock_on_a_subscriber_delays_no_answer_and_loses_nothing(start, database):
    client = client_of(start(), worker=False)
    services = client.application.extensions["leadmagnet"]
    sign_up(client)
    settle(services)
    database.rows("UPDATE lm_subscribers SET asked_at = asked_at - interval '1 day'")
    with psycopg.connect(database.url) as other, contextlib.suppress(psycopg.Error):
        other.execute("UPDATE lm_subscribers SET locale = 'fr'")
        assert sign_up(client).status_code == 202
        assert sign_up(client, "bob@example.org").status_code == 202
        # Put off; the next one does not wait for it.
        settle(services)
        assert database.value("SELECT count(*) FROM lm_subscribers") == 2
        other.rollback()
    assert database.rows("SELECT reason, attempts FROM lm_requests") == [
        {"reason": "LockNotAvailable", "attempts": 1}
    ]
    database.rows("UPDATE lm_requests SET due_at = now()")
    settle(services)
    assert database.count("lm_outbox") == 3


def test_an_erased_address_signs_up_as_somebody_new(client, database):
    sign_up(client)
    old = database.value("DELETE FROM lm_subscribers RETURNING id")
    tables = ("lm_outbox", "lm_consent_events", "lm_consent_context")
    assert [database.count(table) for table in tables] == [0, 0, 0]
    sign_up(client)
    assert database.value("SELECT id FROM lm_subscribers") != old
