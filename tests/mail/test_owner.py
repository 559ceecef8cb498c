"""The weekly mail to the studio's owner: once a week, with true figures, and what is stuck."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from leadmagnet.mail import outbox, owner
from leadmagnet.mail.proof import sample
from leadmagnet.mail.wording import LOCALES, TO_OWNER
from leadmagnet.maintenance import Maintenance
from tests.mail.test_mail import CONFIG, Page, contrast, text_links
from tests.support.client import confirm, sign_up
from tests.support.services import NO_FILES, delivery
from tests.support.settings import DELIVERY, NEWSLETTER
from tests.support.settling import settle

OWNER = "owner@studio.example"


@pytest.fixture
def services(start):
    return start(OWNER_MAIL=OWNER, TIME_ZONE="Pacific/Auckland", OWNER_LOCALE="en")


@pytest.fixture
def sent(services, database):
    """Sends what is queued; what the owner got."""

    def send():
        mails = []
        while outbox.deliver_next(delivery(services, lambda mail: mails.append(mail) or "id")):
            pass
        return [mail for mail in mails if mail.to == OWNER]

    return send


def queued(database):
    return database.rows("SELECT * FROM lm_outbox WHERE kind = 'week'")


def queue_this_week(database):
    """Queues the mail that next Monday will bring about this week, so that today counts."""
    database.rows(
        "INSERT INTO lm_outbox (kind, locale, asked_at) VALUES ('week', 'en',"
        " date_trunc('week', now() AT TIME ZONE 'Pacific/Auckland') AT TIME ZONE 'Pacific/Auckland'"
        " + interval '7 days') RETURNING id"
    )


def examined(database, **failing):
    """The worker's daily doctor was there, and found so many faults of these categories."""
    for category, number in {"mail": 0, **failing}.items():
        database.rows(
            "INSERT INTO lm_doctor_verdicts (category, failing) VALUES (%s, %s)", category, number
        )


def test_it_counts_who_asked_confirmed_got_the_file_and_joined(
    client, mailbox, services, database, sent
):
    for name in ("ada", "bob", "eve"):
        sign_up(client, f"{name}@example.org", consents=[DELIVERY, NEWSLETTER])
    mailbox.deliver()
    confirm(client, mailbox.token("ada@example.org"))
    examined(database)
    queue_this_week(database)
    (mail,) = sent()
    for part in (mail.text, Page(mail.html).words):
        assert "Nothing is stuck, and the daily checkup found nothing wrong." in part
    lines = mail.text.splitlines()
    assert "3  Asked for a guide" in lines
    assert "1  Confirmed their address" in lines
    assert "1  Got the file" in lines
    assert "1  Joined the newsletter" in lines
    assert "List-Unsubscribe" not in mail.headers


def test_an_erased_person_stays_counted(client, mailbox, services, database, sent):
    sign_up(client, "ada@example.org")
    mailbox.deliver()
    database.rows("SELECT lm_erase(id, 'operator', NULL, NULL) FROM lm_subscribers")
    queue_this_week(database)
    (mail,) = sent()
    assert "1  Asked for a guide" in mail.text.splitlines()


def test_it_is_queued_once_a_week_by_the_clock(services, database, sent):
    for _ in range(2):
        Maintenance(replace(services, files=NO_FILES)).run_due()
    expected = database.rows(
        "SELECT now() >= date_trunc('week', now() AT TIME ZONE 'Pacific/Auckland')"
        " AT TIME ZONE 'Pacific/Auckland' + interval '7 hours' AS due"
    )[0]["due"]
    assert len(queued(database)) == expected
    assert len(sent()) == expected


def test_it_begins_on_monday_in_the_studios_time_zone(services, database):
    queue_this_week(database)
    (row,) = database.rows(
        "SELECT extract(isodow FROM local) AS day, extract(hour FROM local) AS hour FROM ("
        "SELECT asked_at AT TIME ZONE 'Pacific/Auckland' AS local FROM lm_outbox) rows"
    )
    assert (row["day"], row["hour"]) == (1, 0)


def test_without_an_owner_nothing_is_queued(start, database):
    owner.queue_week(start())
    assert queued(database) == []


def test_a_mail_to_an_owner_who_is_gone_is_cancelled(start, database):
    queue_this_week(database)
    mails = []
    services = start()
    while outbox.deliver_next(delivery(services, mails.append)):
        pass
    assert mails == []
    (row,) = queued(database)
    assert (row["state"], row["reason"]) == ("cancelled", "no_owner")


def test_what_is_stuck_is_said_in_words(services, client, database, sent):
    sign_up(client, "ada@example.org")
    settle(services)
    database.rows("UPDATE lm_outbox SET state = 'dead', reason = 'MessageRejected'")
    database.rows("UPDATE lm_magnets SET file_missing_since = now()")
    database.rows(
        "INSERT INTO lm_webhook_endpoints (name, url, kinds, disabled_at, disabled_why)"
        " VALUES ('crm', 'https://crm.example/', '{file.handed_out}', now(), 'failing')"
    )
    queue_this_week(database)
    (mail,) = sent()
    assert "To be looked at soon:" in mail.text
    assert "Systems that are no longer notified: 1." in mail.text
    assert "Mails given up: 1." in mail.text
    assert "Guides without their file: 1." in mail.text


def test_what_waits_too_long_is_said_in_words(services, client, database, sent):
    sign_up(client, "ada@example.org")
    settle(services)
    database.rows("UPDATE lm_outbox SET due_at = now() - interval '11 minutes'")
    database.rows(
        "INSERT INTO lm_requests (kind, email, network_key, accepted_at, due_at) SELECT 'signup',"
        " 'bob@example.org', '', now() - minutes * interval '1 minute', now() + interval '1 hour'"
        " FROM unnest('{9,11}'::int[]) AS minutes"
    )
    values = database.rows("SELECT date_trunc('week', now()) + interval '7 days' AS began")[0]
    week = services.database.one("owner_week", zone="Pacific/Auckland", **values)
    assert (week["overdue_mails"], week["waiting_requests"]) == (1, 1)
    content = owner.compose("week", "en", {"week": week}, config=services.config)
    assert "Mails that should have left: 1." in content.text
    assert "Requests that still wait: 1." in content.text


def test_what_the_doctor_found_is_said_in_words(services, database, sent):
    examined(database, dns=2, site=0, file=1)
    queue_this_week(database)
    (mail,) = sent()
    said = " ".join(mail.text.split())
    assert "The daily checkup found something wrong with: the files, the DNS." in said


@pytest.mark.parametrize(
    ("locale", "line"),
    [
        ("en", "Checks of the daily checkup that could not be made: 3."),
        ("fr", "Points du contrôle quotidien qui n’ont pas pu être vérifiés : 3."),
    ],
)
def test_checks_that_could_not_be_made_are_not_called_good(services, database, sent, locale, line):
    examined(database, dns=0)
    database.rows("UPDATE lm_doctor_verdicts SET skipped = 3 WHERE category = 'dns'")
    queue_this_week(database)
    database.rows("UPDATE lm_outbox SET locale = %s", locale)
    (mail,) = sent()
    said = " ".join(mail.text.split())
    assert line in said.replace("\u00a0", " ")
    assert "nothing wrong" not in said
    assert "rien trouvé" not in said


def test_a_doctor_who_has_not_come_for_two_days_is_missed(services, database, sent):
    examined(database)
    database.rows("UPDATE lm_doctor_verdicts SET checked_at = now() - interval '49 hours'")
    queue_this_week(database)
    (mail,) = sent()
    assert "The daily checkup was not made for two days." in " ".join(mail.text.split())


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("theme", ["light", "dark", "outlook.com"])
def test_it_can_be_read_in_both_lights_and_links_to_the_policy_alone(locale, theme):
    content = sample(CONFIG, "week", locale)
    page = Page(content.html, theme)
    assert page.links == text_links(content.text) == [CONFIG.policy_url("fr")]
    assert page.texts
    for text, style in page.texts:
        assert contrast(style["color"], style["background-color"]) >= 4.5, text


@pytest.mark.parametrize("kind", TO_OWNER)
def test_no_line_of_its_french_begins_with_a_sign(kind):
    content = sample(CONFIG, kind, "fr")
    assert not re.search(r"[ \n][:;?!»]|«[ \n]", content.subject + content.text)


def test_the_mail_about_a_disabled_endpoint_names_those_that_still_are(services, database, sent):
    queue = "INSERT INTO lm_outbox (kind, locale) VALUES ('webhook', 'en') RETURNING id"
    database.rows(
        "INSERT INTO lm_webhook_endpoints (name, url, kinds, disabled_at, disabled_why)"
        " VALUES ('crm', 'https://crm.example.org/hook', '{subscriber.confirmed}', now(), 'gone')"
        " RETURNING id"
    )
    database.rows(queue)
    (mail,) = sent()
    assert "Not notified at the moment:" in mail.text
    assert "crm" in mail.text.splitlines()
    assert "crm.example.org" not in mail.text
    database.rows(
        "UPDATE lm_webhook_endpoints SET disabled_at = NULL, disabled_why = NULL RETURNING id"
    )
    database.rows(queue)
    (mail,) = sent()
    assert "all of your systems are notified again" in " ".join(mail.text.split())
