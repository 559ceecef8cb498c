"""Retention: exactly what the numbers say is deleted, in batches, and a dry run only says so."""

from __future__ import annotations

import re
import threading
from dataclasses import replace

import psycopg
import pytest

from leadmagnet.consent import ledger, seals
from leadmagnet.maintenance import Maintenance
from leadmagnet.rights import retention
from tests.support.client import client_of, confirm, sign_up
from tests.support.services import NO_FILES
from tests.support.settings import DELIVERY

ADA = "ada@example.org"


@pytest.fixture
def aged(database, superuser):
    """Move everything about everybody this far into the past, as if the time had gone by."""

    def age(interval):
        for table, columns in {
            "lm_subscribers": "status_at newsletter_at asked_at privacy_asked_at confirmed_at "
            "not_me_at",
            "lm_outbox": "due_at sent_at created_at",
            "lm_download_tokens": "expires_at created_at",
            "lm_consent_events": "occurred_at recorded_at",
            "lm_consent_context": "created_at",
        }.items():
            moved = ", ".join(
                f"{each} = {each} - interval '{interval}'" for each in columns.split()
            )
            superuser.execute(f"UPDATE {table} SET {moved}")

    return age


@pytest.fixture
def purge(services):
    def purge(**kwargs):
        found = {}
        for batch in retention.purge(services, **kwargs):
            found[batch.rule] = found.get(batch.rule, 0) + batch.found
        return found

    return purge


@pytest.mark.parametrize(
    ("interval", "deleted"), [("32 days -1 minute", False), ("32 days 1 minute", True)]
)
def test_who_never_confirmed_goes_30_days_after_the_last_link_expired(
    client, database, mailbox, aged, purge, interval, deleted
):
    sign_up(client)
    mailbox.deliver()
    aged(interval)
    assert purge() == ({"unconfirmed_subscribers": 1} if deleted else {})
    assert database.count("lm_subscribers") == (0 if deleted else 1)
    if deleted:
        assert database.value("SELECT erased_by FROM lm_erasures") == "retention"
        assert database.count("lm_consent_events") == 0


def test_a_renewed_link_counts_and_a_queued_mail_is_waited_for(
    client, database, mailbox, aged, purge
):
    sign_up(client)
    aged("40 days")
    assert purge() == {}
    token = None
    mailbox.deliver()
    aged("20 days")
    token = mailbox.token()
    client.post("/api/lead-magnet/links/renew", json={"token": token})
    mailbox.deliver()
    aged("31 days")
    assert purge() == {}
    aged("1 day 1 hour")
    assert purge() == {"unconfirmed_subscribers": 1}


@pytest.mark.parametrize(
    ("status", "kept", "then", "rule"),
    [
        ("unsubscribed", "1000 days", "96 days", "unsubscribed_subscribers"),
        ("complained", "1000 days", "96 days", "unsubscribed_subscribers"),
        ("bounced", "364 days", "2 days", "bounced_subscribers"),
    ],
)
def test_a_refusal_is_kept_by_the_age_of_its_status(
    client, database, mailbox, aged, purge, status, kept, then, rule
):
    sign_up(client)
    mailbox.deliver()
    database.rows("UPDATE lm_subscribers SET status = %s, status_at = now()", status)
    aged(kept)
    purge()
    assert database.count("lm_subscribers") == 1
    aged(then)
    assert purge() == {rule: 1}


def test_each_age_is_a_setting(client, database, mailbox, aged, start):
    sign_up(client)
    mailbox.deliver()
    database.rows("UPDATE lm_subscribers SET status = 'unsubscribed', status_at = now()")
    aged("32 days")
    changed = start(UNSUBSCRIBED_DAYS="31", NOT_ME_DAYS="31", BOUNCED_DAYS="1", SUBSCRIBER_DAYS="1")
    assert list(retention.purge(changed)) == [retention.Batch("unsubscribed_subscribers", 1)]


@pytest.mark.parametrize(("interval", "left"), [("29 days", 2), ("31 days", 0)])
def test_what_failed_or_was_never_settled_goes_after_30_days(
    services, database, purge, start, interval, left
):
    """With its address, IP and user agent."""
    waiting = client_of(services, worker=False)
    for name in ("ada", "eve"):
        sign_up(waiting, f"{name}@example.org")
    database.rows("UPDATE lm_requests SET failed_at = now() WHERE email LIKE 'eve%%'")
    database.rows("UPDATE lm_requests SET accepted_at = accepted_at - %s::interval", interval)
    sign_up(waiting, "new@example.org")
    found = {} if left else {"unsettled_requests": 2}
    assert purge(dry_run=True) == found
    assert database.count("lm_requests") == 3
    assert purge() == found
    assert database.count("lm_requests") == left + 1
    changed = start(UNSETTLED_DAYS="1")
    assert sum(batch.found for batch in retention.purge(changed)) == left


@pytest.mark.parametrize(("interval", "left"), [("181 days", 1), ("183 days", 0)])
def test_a_link_goes_half_a_year_after_it_expired(
    client, database, mailbox, aged, purge, interval, left
):
    sign_up(client)
    confirm(client, mailbox.deliver().token())
    aged(interval)
    assert purge() == ({} if left else {"expired_links": 1})
    assert database.count("lm_download_tokens") == left
    assert database.value("SELECT status FROM lm_subscribers") == "confirmed"


def test_no_statement_looks_at_more_than_its_share(database, services, aged, monkeypatch):
    monkeypatch.setattr(retention, "LOOK_AT", 100)
    many(database, 250)
    database.rows(
        "UPDATE lm_subscribers SET status = 'confirmed', confirmed_at = now()"
        " WHERE id <> (SELECT id FROM lm_subscribers ORDER BY id DESC LIMIT 1)"
    )
    aged("33 days")
    batches = [
        each.found for each in retention.purge(services) if each.rule == "unconfirmed_subscribers"
    ]
    assert batches == [0, 0, 1]


@pytest.mark.parametrize(("interval", "deleted"), [("1094 days", False), ("1096 days", True)])
def test_a_subscriber_goes_3_years_after_her_last_act(
    client, database, mailbox, aged, purge, interval, deleted
):
    sign_up(client)
    confirm(client, mailbox.deliver().token())
    aged(interval)
    assert purge().get("confirmed_and_pending_subscribers", 0) == deleted
    assert database.count("lm_subscribers") == (not deleted)


@pytest.mark.parametrize(
    ("event", "kept"), [("unsubscribe", True), ("complaint", True), ("bounce", False)]
)
def test_a_bounce_is_no_act_of_hers(client, database, mailbox, aged, purge, event, kept):
    sign_up(client)
    confirm(client, mailbox.deliver().token())
    aged("1096 days")
    status = {"unsubscribe": "unsubscribed", "complaint": "complained", "bounce": "bounced"}[event]
    database.rows("UPDATE lm_subscribers SET status = %s, status_at = now()", status)
    database.rows(
        "INSERT INTO lm_consent_events (subscriber_id, type, gesture)"
        " SELECT id, %s, 'ses_event' FROM lm_subscribers",
        event,
    )
    purge()
    assert database.count("lm_subscribers") == kept


@pytest.mark.parametrize(("interval", "left"), [("364 days", 2), ("366 days", 0)])
def test_ip_and_user_agent_go_after_12_months_and_the_events_stay(
    client, database, mailbox, aged, purge, interval, left
):
    sign_up(client)
    confirm(client, mailbox.deliver().token())
    aged(interval)
    assert purge() == {"expired_links": 1} | ({} if left else {"ip_addresses": 2})
    assert database.count("lm_consent_context") == left
    assert database.count("lm_consent_events") == 2


def many(database, count):
    database.rows(
        "INSERT INTO lm_subscribers (email, locale, asked_consents)"
        " SELECT 'n' || n || '@example.org', 'fr', %s FROM generate_series(1, %s) n",
        [DELIVERY],
        count,
    )
    database.rows(
        "INSERT INTO lm_consent_events (subscriber_id, type, consent_text_id, gesture)"
        " SELECT id, 'signup', %s, 'signup_form' FROM lm_subscribers",
        DELIVERY,
    )


def test_a_dry_run_finds_the_same_and_deletes_nothing(client, database, aged, purge):
    many(database, 240)
    aged("33 days")
    sign_up(client)
    before = database.checksum()
    assert purge(dry_run=True) == {"unconfirmed_subscribers": 240}
    assert database.checksum() == before
    assert purge() == {"unconfirmed_subscribers": 240}
    assert database.value("SELECT email FROM lm_subscribers") == ADA


def test_it_goes_in_batches_and_each_is_committed(database, services, aged):
    many(database, 240)
    aged("33 days")
    batches = retention.purge(services)
    assert next(batches) == retention.Batch("unconfirmed_subscribers", 100)
    assert database.count("lm_subscribers") == 140
    assert [batch.found for batch in batches] == [100, 40]


def test_who_is_confirming_at_that_moment_is_passed_over(database, services, aged, purge, server):
    many(database, 3)
    aged("33 days")
    with psycopg.connect(server.url("lm_owner", database.name)) as conn:
        conn.execute(
            "UPDATE lm_subscribers SET status = 'confirmed', confirmed_at = now(), asked_at = now()"
            " WHERE email = 'n2@example.org'"
        )
        assert purge() == {"unconfirmed_subscribers": 2}
    assert purge() == {}
    assert database.value("SELECT email FROM lm_subscribers") == "n2@example.org"


def test_a_purged_ledger_still_verifies(database, services, aged, purge):
    many(database, 20)
    aged("33 days")
    seals.Sealer(services).seal()
    purge()
    report = ledger.verify(services)
    assert (report.faults, report.erased) == ([], 20)


def test_the_worker_purges_a_batch_at_a_time(database, services, aged):
    many(database, 140)
    aged("33 days")
    maintenance = Maintenance(replace(services, files=NO_FILES))
    left = []
    for _ in range(3):
        maintenance.run_due()
        left.append(database.count("lm_subscribers"))
    assert left == [40, 0, 0]
    many(database, 1)
    aged("33 days")
    maintenance.run_due()
    assert database.count("lm_subscribers") == 1, "the next time is tomorrow"


def test_trouble_with_the_ledger_keeps_no_mail_from_going(database, services, log_lines):
    database.rows("ALTER TABLE lm_consent_seals ADD CHECK (position > 99)")
    many(database, 1)
    database.rows("ALTER TABLE lm_consent_events DISABLE TRIGGER USER")
    database.rows("UPDATE lm_consent_events SET recorded_at = recorded_at - interval '1 minute'")
    Maintenance(replace(services, files=NO_FILES)).run_due()
    (line,) = (each for each in log_lines() if "maintenance_failed" in each)
    assert "CheckViolation" in line


def test_two_workers_purge_each_row_once(database, services, aged):
    many(database, 600)
    aged("33 days")
    found = []

    def work():
        found.extend(retention.purge(services))

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert database.count("lm_subscribers") == 0
    assert database.count("lm_erasures") == 600


def test_what_a_purge_deleted_before_it_failed_is_in_the_audit(database, aged, leadmagnet):
    many(database, 240)
    aged("33 days")
    last = database.value("SELECT max(id::text) FROM lm_subscribers")
    database.rows(f"ALTER TABLE lm_erasures ADD CHECK (subscriber_id <> '{last}')")
    assert leadmagnet("purge").returncode == 1
    assert database.count("lm_subscribers") == 40
    noted = database.rows("SELECT actor, action, detail FROM lm_audit")
    detail = {"unconfirmed_subscribers": 100}
    assert noted == [{"actor": "operator", "action": "subscribers:purge", "detail": detail}] * 2


def test_the_command_says_what_it_would_do_and_then_does_it(database, aged, leadmagnet):
    many(database, 101)
    aged("33 days")
    dry = leadmagnet("purge", "--dry-run")
    assert [re.split(" {2,}", line) for line in dry.stdout.splitlines()] == [
        ["WHAT", "AFTER", "FOUND"],
        ["unconfirmed subscribers", "30 days", "101"],
        ["confirmed and pending subscribers", "1095 days", "0"],
        ["unsubscribed subscribers", "1095 days", "0"],
        ["bounced subscribers", "365 days", "0"],
        ["IP addresses", "365 days", "0"],
        ["unsettled requests", "30 days", "0"],
        ["expired links", "180 days", "0"],
        ["webhook events", "30 days", "0"],
        ["used erasure links", "1 day", "0"],
    ]
    assert "… 100 unconfirmed subscribers" in dry.stderr
    assert database.count("lm_subscribers") == 101
    assert re.search("unconfirmed subscribers .* 101\n", leadmagnet("purge").stdout)
    assert database.count("lm_subscribers") == 0
    changed = leadmagnet("purge", "--dry-run", UNCONFIRMED_DAYS="1").stdout
    assert re.search("unconfirmed subscribers +1 day +0\n", changed)
