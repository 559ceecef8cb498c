"""Mails: queued with the signup, claimed with a lease, minted when sent, never lost."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import psycopg
import pytest

from leadmagnet.adapters.ses import (
    Mailer,
    Paused,
    Rejected,
    Throttled,
    Unknown,
    Unreachable,
)
from leadmagnet.errors import Unavailable
from leadmagnet.mail import outbox
from leadmagnet.worker import Worker
from tests.support.client import client_of, confirm, sign_up
from tests.support.fake_ses import Raw
from tests.support.mailbox import Mailbox
from tests.support.services import NO_FILES, delivery
from tests.support.settings import ADA, API
from tests.support.settling import settle
from tests.support.waiting import until


@pytest.fixture
def queued(client, database):
    sign_up(client)
    return lambda: database.rows("SELECT * FROM lm_outbox")[0]


def deliver(services, send):
    return outbox.deliver_next(delivery(services, send))


def failing(error):
    def send(mail):
        raise error

    return send


def test_a_mail_carries_all_that_ses_and_the_mailbox_providers_want(client, mailbox):
    sign_up(client)
    (message,) = mailbox.deliver().messages(ADA)
    assert message["from"] == "Light & Shutter <guide@light-and-shutter.example>"
    assert message["to"] == [ADA]
    assert message["replyTo"] == []
    assert message["configurationSet"] == "leadmagnet"
    assert message["tags"]["outbox_id"].isdigit()
    assert message["headers"]["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    one_click = message["headers"]["List-Unsubscribe"]
    assert one_click.startswith(
        "<https://api.light-and-shutter.example/api/lead-magnet/unsubscribe/"
    )
    assert client.post(one_click.strip("<>").partition(".example")[2]).status_code == 200


def test_replies_go_where_the_studio_reads_them(start, aws, mailer):
    services = start(REPLY_TO="Lumière <hello@studio.example>")
    sign_up(client_of(services))
    message = Mailbox(services, aws.test_client(), mailer).deliver().messages(ADA)[0]
    assert message["replyTo"] == ["=?utf-8?q?Lumi=C3=A8re?= <hello@studio.example>"]


def test_the_links_in_a_mail_lead_to_the_site_alone(client, mailbox):
    sign_up(client)
    (message,) = mailbox.deliver().messages(ADA)
    for part in (message["text"], message["html"]):
        hosts = {rest.partition("/")[0] for rest in part.split("https://")[1:]}
        assert hosts == {"www.light-and-shutter.example"}


@pytest.mark.parametrize("locale", ["fr", "en"])
def test_the_links_say_the_language_of_the_mail_before_the_token(client, mailbox, locale):
    sign_up(client, locale=locale)
    client.post(f"{API}/privacy/request", json={"email": ADA})
    for message in mailbox.deliver().messages():
        page = {"confirm": "confirm", "privacy": "mes-donnees"}[message["tags"]["kind"]]
        for each in (page, "unsubscribe"):
            assert f"/lead-magnet/{each}?lang={locale}&token=" in message["text"]
            assert f"/lead-magnet/{each}?lang={locale}&amp;token=" in message["html"]


def test_nothing_typed_by_the_visitor_is_printed_in_a_mail(client, mailbox):
    email = "{{7*7}}@example.org"
    sign_up(client, email, source="<script>alert(1)</script>")
    (message,) = mailbox.deliver().messages(email)
    for part in ("subject", "text", "html"):
        assert "7*7" not in message[part]
        assert "alert" not in message[part]


@pytest.mark.parametrize(
    "email",
    ["=1+1@x.fr", "+33@x.fr", "-a@x.fr", "a'--@x.fr", "{{7*7}}@x.fr", "${7*7}@x.fr", "%0a@x.fr"],
)
def test_odd_but_valid_addresses_are_stored_and_written_to_verbatim(
    client, database, mailbox, email
):
    assert sign_up(client, email).status_code == 202
    assert database.value("SELECT email FROM lm_subscribers") == email
    assert mailbox.deliver().messages(email)[0]["to"] == [email]


def test_the_token_is_minted_when_the_mail_is_sent(client, database, mailbox):
    sign_up(client)
    assert database.count("lm_download_tokens") == 0
    mailbox.deliver()
    assert database.count("lm_download_tokens") == 1


def test_a_sent_mail_is_marked_with_its_message_id(client, database, mailbox):
    sign_up(client)
    (message,) = mailbox.deliver().messages(ADA)
    (row,) = database.rows("SELECT * FROM lm_outbox")
    assert (row["state"], row["kind"]) == ("sent", "confirm")
    assert row["message_id"] == message["id"]


def test_a_claimed_mail_is_nobody_elses_until_its_lease_is_over(services, queued, database):
    def send(mail):
        assert deliver(services, pytest.fail) is False
        return "id"

    assert deliver(services, send) is True
    assert queued()["state"] == "sent"


def test_a_mail_whose_worker_died_is_sent_by_the_next(services, queued, database):
    with pytest.raises(KeyboardInterrupt):
        deliver(services, failing(KeyboardInterrupt()))
    assert deliver(services, pytest.fail) is False
    database.rows("UPDATE lm_outbox SET due_at = now()")  # the lease is over
    assert deliver(services, lambda mail: "id") is True
    assert queued()["state"] == "sent"


def test_a_worker_that_slept_past_its_lease_marks_nothing(services, queued, database, log_lines):
    def send(mail):
        database.rows("UPDATE lm_outbox SET due_at = now()")
        assert deliver(services, lambda mail: "second") is True
        return "first"

    deliver(services, send)
    assert queued()["message_id"] == "second"
    assert "lease_lost" in "".join(log_lines())


@pytest.fixture
def away(server, database):
    """The database ends its connections and takes none (true), or is back (false)."""
    with psycopg.connect(server.url("postgres", "postgres"), autocommit=True) as admin:

        def away(is_away):
            admin.execute(f"ALTER DATABASE {database.name} ALLOW_CONNECTIONS {not is_away}")
            if is_away:
                admin.execute(
                    "SELECT pg_terminate_backend(pid, 2000) FROM pg_stat_activity"
                    " WHERE datname = %s AND application_name = 'leadmagnet'",
                    [database.name],
                )

        yield away


def test_a_database_that_is_away_for_a_moment_makes_nobody_get_a_mail_twice(services, queued, away):
    waits = []

    def wait(seconds):
        waits.append(seconds)
        away(False)

    def send(mail):
        away(True)
        return "id"

    assert outbox.deliver_next(replace(delivery(services, send), wait=wait))
    assert waits
    assert queued()["state"] == "sent"


def test_a_worker_that_has_to_stop_does_not_wait_for_the_database(services, queued, away):
    def send(mail):
        away(True)
        return "id"

    with pytest.raises(Unavailable):
        outbox.deliver_next(replace(delivery(services, send), wait=lambda seconds: True))
    assert queued()["state"] == "queued"


@pytest.mark.parametrize(
    ("error", "attempts", "least", "most"),
    [
        (Throttled("throttled"), 0, 0.3, 1.1),
        (Unreachable("connection_failed"), 1, 10, 60),
        (Unknown("ReadTimeoutError"), 1, 120, 600),
        (Paused("SendingPausedException"), 0, 60, 600),
    ],
)
def test_trouble_keeps_a_mail_queued_for_later(
    services, queued, database, error, attempts, least, most
):
    deliver(services, failing(error))
    row = queued()
    assert (row["state"], row["attempts"], row["reason"]) == ("queued", attempts, error.reason)
    wait = database.value("SELECT extract(epoch FROM due_at - now()) FROM lm_outbox")
    assert least <= wait <= most


def test_a_refused_mail_is_dead_at_once_and_says_why(services, queued):
    deliver(services, failing(Rejected("MessageRejected")))
    row = queued()
    assert (row["state"], row["reason"]) == ("dead", "MessageRejected")


def test_an_outage_of_more_than_a_day_kills_no_mail(services, queued, database):
    waited = timedelta()
    while waited < timedelta(hours=24):
        deliver(services, failing(Unreachable("connection_failed")))
        assert queued()["state"] == "queued"
        waited += database.value("SELECT due_at - now() FROM lm_outbox")
        database.rows("UPDATE lm_outbox SET due_at = now()")
    assert deliver(services, lambda mail: "id") is True
    assert queued()["state"] == "sent"


def test_a_mail_that_never_goes_is_dead_in_the_end(services, queued, database):
    for _ in range(outbox.MOST_ATTEMPTS):
        deliver(services, failing(Unreachable("status_500")))
        database.rows("UPDATE lm_outbox SET due_at = now()")
    assert queued()["state"] == "dead"


@pytest.mark.parametrize("status", ["bounced", "complained", "unsubscribed"])
def test_who_left_while_the_mail_was_queued_gets_none(services, queued, database, status):
    database.rows("UPDATE lm_subscribers SET status = %s, status_at = now()", status)
    assert deliver(services, pytest.fail) is True
    row = queued()
    assert (row["state"], row["reason"]) == ("cancelled", status)
    assert database.count("lm_download_tokens") == 0


def test_who_confirmed_while_the_mail_was_queued_gets_the_file(client, database, mailbox):
    sign_up(client)
    token = mailbox.deliver().token()
    sign_up(client, consents=["guide-mariee-sereine-delivery-en-1"])
    confirm(client, token)
    assert mailbox.deliver().kinds() == ["confirm", "download"]


def test_eight_workers_send_forty_mails_once_each(client, services, database):
    emails = [f"ada{number}@example.org" for number in range(40)]
    for email in emails:
        sign_up(client, email)
    sent: list[str] = []

    def send(mail):
        sent.append(mail.to)
        return "id"

    def work(_):
        while len(sent) < len(emails):
            deliver(services, send)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    assert sorted(sent) == sorted(emails)
    assert database.rows("SELECT DISTINCT state FROM lm_outbox") == [{"state": "sent"}]


def test_a_worker_is_woken_at_once_and_stops_when_told(start, database, mailbox):
    services = start()
    arrived = threading.Event()

    class Watched(Mailer):
        def send(self, mail):
            arrived.set()
            return super().send(mail)

    worker = Worker(services, Watched())
    thread = threading.Thread(target=worker.run)
    thread.start()
    try:
        client = client_of(services)
        sign_up(client)
        assert arrived.wait(30)
    finally:
        worker.stop()
        thread.join(30)
    assert not thread.is_alive()
    assert mailbox.kinds() == ["confirm"]


def test_a_worker_outlives_odd_answers_and_stops_while_one_drips(start, client, ses, database):
    """Over real HTTP: mails keep their place in the queue, and SIGTERM waits for the deadline."""
    services = start(SES_TIMEOUT_SECONDS="1", LEASE_SECONDS="2", SEND_CONCURRENCY="3")
    for number in range(3):
        sign_up(client, f"ada{number}@example.org")
    worker = Worker(replace(services, files=NO_FILES), Mailer(seconds=1, connections=3))
    thread = threading.Thread(target=worker.run)
    ses.mode = Raw(b"HTTP/1.1 204 x\r\nConnection: close\r\n\r\n")
    thread.start()
    try:
        until(
            lambda: database.value("SELECT count(reason) FROM lm_outbox") == 3,
            seconds=60,
            what="an outcome of each",
        )
        ses.mode = Raw(b"HTTP/1.1 200 OK\r\nX-Drip: ", drip=0.05)
        before = ses.met["raw"]
        database.rows("UPDATE lm_outbox SET due_at = now()")
        until(lambda: ses.met["raw"] == before + 3, seconds=60, what="three in hand")
        worker.stop()
        thread.join(30)
        assert not thread.is_alive()
    finally:
        ses.mode = "ok"
        worker.stop()
        thread.join(30)
    rows = database.rows("SELECT DISTINCT state, attempts, reason FROM lm_outbox")
    assert rows == [{"state": "queued", "attempts": 2, "reason": "deadline_passed"}]


def test_what_is_settled_wakes_those_who_send_once_a_batch(start, database):
    client = client_of(start(), worker=False)
    services = client.application.extensions["leadmagnet"]
    with psycopg.connect(database.url, autocommit=True) as listening:
        listening.execute("LISTEN lm_outbox")

        def calls():
            listening.execute("SELECT")  # brings what is waiting
            return len(list(listening.notifies(timeout=0)))

        for name in ("ada", "bob", "eve"):
            sign_up(client, f"{name}@example.org")
        assert calls() == 0
        settle(services)
        assert calls() == 1
        # Within the cool-down: settled, and nothing to send.
        sign_up(client, "ada@example.org")
        settle(services)
        assert calls() == 0
