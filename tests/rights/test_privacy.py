"""What a person may ask about herself: to read it, to take it along, to have it erased."""

from __future__ import annotations

import hashlib
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from urllib.parse import quote

import pytest

from leadmagnet.mail import outbox, ses_events
from leadmagnet.mail.ses_events import Event
from leadmagnet.rights import retention
from tests.support.client import client_of, confirm, problem, sign_up
from tests.support.database import NOWHERE
from tests.support.services import delivery
from tests.support.settings import ADA, API, COUNTS, DELIVERY, NEWSLETTER

# Tables in whose rows nobody is: what is offered, keyed hashes, random ids.
NOBODY = {
    *(
        "lm_magnets",
        "lm_magnet_files",
        "lm_consent_texts",
        "lm_suppressions",
        "lm_erasures",
        "lm_consent_seals",
    ),
    *("lm_erasure_links", "lm_seal_key", "lm_admin_keys", "lm_erased_counts"),
    *("lm_webhook_endpoints", "lm_erasure_notices"),
    *(
        "lm_send_limiter",
        "lm_worker_heartbeat",
        "lm_doctor_verdicts",
        "lm_signup_limits",
        "lm_request_outcomes",
    ),
}
# Requests wait for their subscriber to exist.
WAITING = {"lm_requests"}
SECTIONS = {
    "lm_subscribers": "subscriber",
    "lm_consent_events": "consentEvents",
    "lm_consent_context": "consentContext",
    "lm_outbox": "mails",
    "lm_download_tokens": "links",
    "lm_downloads": "files",
    "lm_ses_events": "sesEvents",
    "lm_audit": "adminActs",
    "lm_webhook_recipients": "webhooks",
    "lm_webhook_events": "webhookEvents",
}
# A list of plain ids, not of rows.
PLAIN = {"lm_former_ids": "formerIds"}
# By the random id alone, for an account of what was done outlives an erasure.
BY_ID = {"lm_audit", "lm_webhook_events"}
# Hashes and salts, and the id that all of a person's rows share.
WITHHELD = {
    ("lm_subscribers", "address_key"),
    ("lm_subscribers", "privacy_key"),
    *(("lm_consent_events", name) for name in ("subscriber_id", "salt", "address_digest")),
    *(("lm_download_tokens", name) for name in ("subscriber_id", "token_hash")),
    ("lm_downloads", "subscriber_id"),
    *(("lm_outbox", name) for name in ("subscriber_id", "network_key")),
    ("lm_ses_events", "subscriber_id"),
    *(("lm_webhook_recipients", name) for name in ("subscriber_id", "endpoint_id")),
    *(("lm_webhook_events", name) for name in ("subscriber_id", "endpoint_id")),
    *(("lm_audit", name) for name in ("subscriber_id", "once_on")),
}
RENAMED = {
    ("lm_outbox", "magnet_id"): "magnet",
    ("lm_downloads", "file_id"): "sha256",
    ("lm_webhook_events", "magnet_id"): "magnet",
}


def ask(client, email=ADA):
    return client.post(f"{API}/privacy/request", json={"email": email})


def export(client, token):
    return client.post(f"{API}/privacy/export", json={"token": token})


def describe(client, token):
    return client.get(f"{API}/privacy/links/{quote(token, safe='')}")


def erase(client, token, **body):
    return client.post(f"{API}/privacy/erase", json={"token": token, **body})


@pytest.fixture
def ada(client, mailbox, services, database):
    """Ada has confirmed and asks for her data: the token of the mail she gets."""
    database.rows(
        "INSERT INTO lm_webhook_endpoints (name, url, kinds)"
        " VALUES ('crm', 'https://crm.example/', '{file.handed_out}')"
    )
    sign_up(client, consents=[DELIVERY, NEWSLETTER], source="a page")
    confirm(client, mailbox.deliver().token())
    database.rows(
        "INSERT INTO lm_webhook_recipients (subscriber_id, endpoint_id, address)"
        " SELECT subscriber_id, endpoint_id, true FROM lm_webhook_events"
    )
    mail = database.value("SELECT id FROM lm_outbox")
    database.rows(
        "INSERT INTO lm_audit (actor, action, outcome, subscriber_id)"
        " SELECT 'key:studio', 'subscribers:inspect', 'done', id FROM lm_subscribers"
    )
    database.rows("INSERT INTO lm_former_ids SELECT gen_random_uuid(), id FROM lm_subscribers")
    ses_events.record(services, "sns-1", Event("Delivery", outbox_id=mail, recipients=(ADA,)))
    ask(client)
    return mailbox.deliver().privacy_token()


def test_the_answer_is_the_same_for_anybody(client, database, ada):
    answers = {ask(client, email).data for email in (ADA, "nobody@example.org", "A@Example.ORG")}
    assert len(answers) == 1
    assert ask(client).status_code == 202
    assert database.count("lm_subscribers") == 1


@pytest.mark.parametrize("email", [ADA, "nobody@example.org"])
def test_the_commit_waits_for_the_disk_whether_somebody_is_listed_or_not(database, start, email):
    """Else its time would tell: a commit that wrote nothing is not flushed."""
    database.rows(f"ALTER DATABASE {database.name} SET synchronous_commit = on")
    client = client_of(start())
    sign_up(client)
    for _ in range(2):
        before = database.value("SELECT pg_current_wal_insert_lsn()")
        ask(client, email)
        assert database.value("SELECT pg_current_wal_flush_lsn() > %s", before)


def test_it_is_one_mail_with_a_link_to_the_page_of_the_site(client, mailbox, ada):
    assert mailbox.kinds() == ["confirm", "privacy"]
    (message, _) = mailbox.messages(ADA)
    assert (
        "https://www.light-and-shutter.example/lead-magnet/mes-donnees?lang=fr&token="
        in message["text"]
    )
    assert "1\u00a0heure." in message["text"]


def test_one_mail_as_long_as_its_link_works(client, database, mailbox, ada):
    for _ in range(3):
        ask(client)
    assert mailbox.deliver().kinds() == ["confirm", "privacy"]
    database.rows("UPDATE lm_subscribers SET privacy_asked_at = now() - interval '61 minutes'")
    ask(client)
    assert mailbox.deliver().kinds() == ["confirm", "privacy", "privacy"]


def test_links_to_an_address_are_capped_apart_from_its_other_mails(client, database, mailbox):
    sign_up(client)
    for _ in range(5):
        assert ask(client).status_code == 202
        database.rows(
            "UPDATE lm_subscribers SET privacy_asked_at = privacy_asked_at - interval '2 h'"
        )
    # A mail about the person's rights waits for no other.
    assert mailbox.deliver().kinds() == ["privacy", "privacy", "privacy", "confirm"]
    database.rows("UPDATE lm_signup_limits SET ends_at = now()")
    assert ask(client).status_code == 202
    assert mailbox.deliver().kinds()[4:] == ["privacy"]


def test_a_network_asks_for_so_many_links_an_hour(start, database):
    client = client_of(start(SIGNUPS_PER_HOUR="3"))
    for number in range(3):
        assert ask(client, f"ada{number}@example.org").status_code == 202
    before = database.checksum()
    answer = ask(client)
    assert problem(answer) == (429, "privacy_limit")
    assert answer.headers["RateLimit-Policy"] == '"privacy";q=3;w=3600'
    assert 3590 <= int(answer.headers["Retry-After"]) <= 3600
    assert database.checksum() == before
    assert sign_up(client).status_code == 202


def test_twenty_at_once_are_one_mail(client, database):
    sign_up(client)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: ask(client.application.test_client()), range(20)))
    assert database.value("SELECT count(*) FROM lm_outbox WHERE kind = 'privacy'") == 1


@pytest.mark.parametrize(
    ("status", "mails"),
    [("pending", 1), ("unsubscribed", 1), ("bounced", 0), ("complained", 0)],
)
def test_who_cannot_be_written_to_gets_no_mail(client, database, mailbox, status, mails):
    sign_up(client)
    database.rows("UPDATE lm_outbox SET state = 'cancelled'")
    database.rows("UPDATE lm_subscribers SET status = %s, status_at = now()", status)
    assert ask(client).status_code == 202
    assert len(mailbox.deliver().messages(ADA)) == mails


def test_leaving_meanwhile_does_not_stop_the_mail_but_a_complaint_does(client, database, services):
    sent = []
    for name, status in (("u", "unsubscribed"), ("c", "complained")):
        email = f"{name}@example.org"
        sign_up(client, email)
        ask(client, email)
        database.rows(
            "UPDATE lm_subscribers SET status = %s, status_at = now() WHERE email = %s",
            status,
            email,
        )

    def send(mail):
        sent.append((mail.to, mail.tags["kind"]))
        return "id"

    while outbox.deliver_next(delivery(services, send)):
        pass
    assert sent == [("u@example.org", "privacy")]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "email_invalid"),
        ({"email": "x"}, "email_invalid"),
        ({"email": None}, "email_invalid"),
        ({"email": ADA, "token": "x"}, "field_unknown"),
    ],
)
def test_a_request_that_is_none_is_refused(client, body, code):
    assert problem(client.post(f"{API}/privacy/request", json=body)) == (422, code)


def camel(name):
    return re.sub("_(.)", lambda match: match[1].upper(), name)


def reached(database):
    """Every table with a path of foreign keys to the subscribers, and how a deletion goes it."""
    return database.rows(
        """
        WITH RECURSIVE reached AS (
            SELECT 'lm_subscribers'::regclass::oid AS oid, 'c'::"char" AS on_delete
            UNION
            SELECT c.conrelid, c.confdeltype FROM pg_constraint c
            JOIN reached r ON c.confrelid = r.oid WHERE c.contype = 'f'
        )
        SELECT oid::regclass::text AS name, on_delete::text FROM reached
        """
    )


def test_every_table_that_leads_to_her_is_exported_with_every_column(client, database, ada):
    assert {row["name"] for row in reached(database)} == (set(SECTIONS) | set(PLAIN)) - BY_ID
    held = export(client, ada).json
    for section in PLAIN.values():
        assert held[section], section
    for table, section in SECTIONS.items():
        rows = held[section] if isinstance(held[section], list) else [held[section]]
        assert rows, f"the test fills no row of {table}"
        columns = database.rows(
            "SELECT column_name AS name FROM information_schema.columns WHERE table_name = %s",
            table,
        )
        for column in (row["name"] for row in columns):
            if (table, column) not in WITHHELD:
                assert RENAMED.get((table, column), camel(column)) in rows[0], (table, column)


def test_every_table_goes_with_her_or_holds_nobody(database):
    rows = reached(database)
    assert {row["on_delete"] for row in rows} == {"c"}
    tables = database.rows("SELECT relname FROM pg_class WHERE relname ~ '^lm_' AND relkind = 'r'")
    assert {row["relname"] for row in tables} == NOBODY | {
        row["name"] for row in rows
    } | WAITING | BY_ID


def test_the_export_is_what_is_held(client, database, ada):
    answer = export(client, ada)
    kept = answer.json["keptDays"]
    assert (kept["requests"], kept["links"], kept["webhookEvents"]) == (30, 180, 30)
    assert answer.headers["Cache-Control"] == "no-store"
    held = answer.json
    assert held["subscriber"]["email"] == ADA
    assert held["subscriber"]["source"] == "a page"
    assert held["subscriber"]["newsletter"] is True
    assert [(e["type"], e["purpose"]) for e in held["consentEvents"]] == [
        ("signup", "delivery"), ("signup", "newsletter"),
        ("confirm", "delivery"), ("confirm", "newsletter"),
    ]  # fmt: skip
    for event in held["consentEvents"]:
        assert event["text"].startswith("J’accepte")
        assert re.fullmatch("[0-9a-f]{64}", event["textHash"])
    assert {each["ip"] for each in held["consentContext"]} == {"127.0.0.1"}
    assert [mail["kind"] for mail in held["mails"]] == ["confirm", "privacy"]
    assert [link["kind"] for link in held["links"]] == ["confirm", "privacy"]
    assert [file["title"]["fr"] for file in held["files"]] == ["Guide de la Mariée Sereine"]


def test_the_export_is_hers_alone_and_changes_nothing(client, database, mailbox, ada):
    sign_up(client, "bea@example.org")
    mailbox.deliver()
    before = database.checksum(without=COUNTS)
    first, second = export(client, ada), export(client, ada)
    assert "bea@" not in first.text
    assert first.json["subscriber"] == second.json["subscriber"]
    assert list(first.json) == list(second.json)
    assert database.checksum(without=COUNTS) == before


@pytest.mark.parametrize("call", [export, erase])
def test_tokens_of_another_purpose_forged_or_none_are_refused(client, database, mailbox, ada, call):
    before = database.checksum(without=COUNTS)
    confirmation = mailbox.messages(ADA)[1]["text"].partition("confirm?lang=fr&token=")[2][:43]
    for token in (
        confirmation,
        mailbox.unsubscribe_token(),
        "x" * 43,
        ada.swapcase(),
        ada[:-1],
        ada + "A",
    ):
        assert problem(call(client, token)) == (404, "token_unknown"), token
    for token in (1, [], {}, None, "", "x" * 501, "\x00"):
        assert problem(call(client, token)) == (422, "token_invalid")
    assert database.checksum(without=COUNTS) == before


@pytest.mark.parametrize("call", [describe, export, erase])
def test_a_link_works_for_an_hour(client, database, ada, call):
    seconds = database.value(
        "SELECT extract(epoch FROM expires_at - now())"
        " FROM lm_download_tokens WHERE kind = 'privacy'"
    )
    assert 3500 < seconds <= 3600
    database.rows("UPDATE lm_download_tokens SET expires_at = now() WHERE kind = 'privacy'")
    assert problem(call(client, ada)) == (410, "token_expired")
    assert database.count("lm_subscribers") == 1


def test_the_link_is_described_without_the_address_or_a_change(client, database, mailbox, ada):
    before = database.checksum(without=COUNTS)
    answer = describe(client, ada)
    assert answer.status_code == 200
    assert answer.json["email"] == "a•••@e•••.org"
    ends = database.value("SELECT expires_at FROM lm_download_tokens WHERE kind = 'privacy'")
    assert datetime.fromisoformat(answer.json["expiresAt"]) == ends
    confirmation = mailbox.messages(ADA)[1]["text"].partition("confirm?lang=fr&token=")[2][:43]
    for token in (confirmation, mailbox.unsubscribe_token(), "x" * 43, ada[:-1], "\x00"):
        assert problem(describe(client, token)) == (404, "token_unknown"), token
    assert database.checksum(without=COUNTS) == before


def test_a_privacy_link_confirms_renews_and_describes_nothing(client, database, ada):
    before = database.checksum(without=COUNTS)
    assert problem(confirm(client, ada)) == (404, "token_unknown")
    assert problem(client.get(f"{API}/confirm/{ada}")) == (404, "token_unknown")
    database.rows("UPDATE lm_subscribers SET asked_at = now() - interval '1 hour'")
    before = database.checksum(without=COUNTS)
    assert client.post(f"{API}/links/renew", json={"token": ada}).status_code == 202
    assert database.checksum(without=COUNTS) == before


def test_an_erasure_leaves_a_tombstone_and_nothing_else(client, database, ada, log_lines):
    subscriber_id = database.value("SELECT id FROM lm_subscribers")
    answer = erase(client, ada)
    assert (answer.status_code, answer.json) == (200, {"status": "erased"})
    for table in SECTIONS.keys() - BY_ID:
        assert database.count(table) == 0, table
    (tombstone,) = database.rows("SELECT * FROM lm_erasures")
    assert (tombstone["subscriber_id"], tombstone["erased_by"]) == (subscriber_id, "person")
    assert tombstone["address_hash"] is None
    assert database.count("lm_suppressions") == 0
    assert any("subscriber_erased" in line and str(subscriber_id) in line for line in log_lines())


def test_pressing_erase_again_says_the_same(client, ada):
    assert {erase(client, ada).data for _ in range(3)} == {erase(client, ada).data}
    assert problem(export(client, ada)) == (404, "token_unknown")


def test_an_objection_cannot_follow_an_erasure(client, ada):
    erase(client, ada)
    assert problem(erase(client, ada, object=True)) == (404, "token_unknown")


def test_twenty_erasures_at_once_are_one(client, database, ada):
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: erase(client.application.test_client(), ada), range(20)))
    assert {answer.status_code for answer in answers} == {200}
    assert database.count("lm_erasures") == 1


def test_erasing_alone_lets_her_come_back(client, database, mailbox, ada):
    erase(client, ada)
    sign_up(client)
    assert confirm(client, mailbox.deliver().token()).json["status"] == "confirmed"


def test_an_old_link_says_nothing_about_a_newer_signup(client, database, mailbox, ada):
    """Whoever finds the link of a former mail does not learn that the person came back."""

    def answers():
        calls = (export(client, ada), erase(client, ada), erase(client, ada, object=True))
        return [(call.status_code, call.data) for call in calls]

    erase(client, ada)
    nobody_there = answers()
    sign_up(client)
    assert answers() == nobody_there
    token = mailbox.deliver().token()
    assert answers() == nobody_there
    confirm(client, token)
    ask(client)
    fresh = mailbox.deliver().privacy_token()
    held = database.checksum(without=COUNTS)
    assert answers() == nobody_there
    assert database.checksum(without=COUNTS) == held
    assert export(client, fresh).status_code == 200


@pytest.mark.parametrize("again", [ADA, "ADA@EXAMPLE.ORG", "ada+guide@example.org"])
def test_after_an_objection_a_signup_is_silently_unheeded(client, database, mailbox, ada, again):
    expected = sign_up(client, "somebody@example.org")
    assert erase(client, ada, object=True).json == {"status": "erased"}
    assert erase(client, ada, object=True).json == {"status": "erased"}
    mailbox.api.delete("/api/messages")
    before = database.checksum(without=COUNTS)
    answer = sign_up(client, again)
    assert (answer.status_code, answer.data) == (202, expected.data)
    assert database.checksum(without=COUNTS) == before
    assert {message["to"][0] for message in mailbox.deliver().messages()} <= {
        "somebody@example.org"
    }


def test_a_suppression_is_of_no_use_without_the_key(client, database, start, ada):
    erase(client, ada, object=True)
    (row,) = database.rows("SELECT * FROM lm_suppressions")
    assert len(row["address_hash"]) == 32
    other = client_of(start(HASH_KEY="another" * 6))
    sign_up(other)
    assert database.count("lm_subscribers") == 1


@pytest.mark.parametrize("value", ["true", 1, None, [], {}])
def test_an_objection_is_true_or_false(client, database, ada, value):
    assert problem(erase(client, ada, object=value)) == (422, "field_invalid")
    assert database.count("lm_subscribers") == 1


@pytest.mark.parametrize("path", ["request", "export", "erase"])
def test_only_a_post_is_heard_and_a_database_away_is_a_503(client, start, path):
    assert problem(client.get(f"{API}/privacy/{path}")) == (405, "method_not_allowed")
    away = client_of(start(DATABASE_URL=NOWHERE))
    body = {"email": ADA} if path == "request" else {"token": "x" * 43}
    answer = away.post(f"{API}/privacy/{path}", json=body)
    assert problem(answer) == (503, "service_unavailable")


def test_after_an_erasure_no_hash_of_the_address_or_the_mail_is_kept(
    client, database, ada, services
):
    """But for what the link did, for a second click; that goes a day after the link expired."""
    token_hash = hashlib.sha256(ada.encode()).digest()
    keys = database.rows("SELECT address_key, privacy_key FROM lm_subscribers")[0].values()
    count = "SELECT count(*) FROM lm_signup_limits WHERE key = ANY (%s)"
    assert database.value(count, list(keys)) == 2
    assert erase(client, ada).status_code == 200
    assert database.value(count, list(keys)) == 0
    (link,) = database.rows("SELECT token_hash FROM lm_erasure_links")
    assert link["token_hash"] == token_hash
    database.rows("UPDATE lm_erasure_links SET expires_at = now() - interval '1 day 1 minute'")
    for _ in retention.purge(services):
        pass
    held = dump_of(database)
    for trace in (token_hash, *keys):
        assert trace.hex() not in held


def dump_of(database):
    """Every row of every table as text."""
    tables = database.rows(
        "SELECT relname FROM pg_class WHERE relname LIKE 'lm%' AND relkind = 'r'"
    )
    return "".join(
        str(database.value(f"SELECT string_agg(t::text, ' ') FROM {table['relname']} t"))
        for table in tables
    )
