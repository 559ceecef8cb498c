"""Erasure is complete, wins every race, and outlives the restore of a backup."""

from __future__ import annotations

import os
import re
import subprocess
import threading
from datetime import timedelta
from uuid import UUID

import psycopg
import pytest

from leadmagnet.consent import ledger, seals
from leadmagnet.errors import TokenExpired, TokenUnknown
from leadmagnet.funnel import subscribers
from leadmagnet.mail import outbox
from leadmagnet.rights import erasures, privacy
from tests.support.client import client_of, confirm, sign_up
from tests.support.services import delivery
from tests.support.settings import ADA, API, DELIVERY, NEWSLETTER, SETTINGS
from tests.support.settling import settle

ROUNDS = 80
ZELDA, LOCAL_PART, IP = "zelda.quixote@example.org", b"zelda.quixote", "203.0.113.77"
HERE = subscribers.Context("203.0.113.1", "agent")
KEY = SETTINGS["HASH_KEY"].encode()
TABLES = (
    *("lm_subscribers", "lm_consent_events", "lm_consent_context", "lm_outbox"),
    "lm_download_tokens",
)


def dump(server, name, *options):
    """What pg_dump writes of the database."""
    command = [server.bin / "pg_dump", "--dbname", server.url("postgres", name), *options]
    result = subprocess.run(command, capture_output=True, env={"PATH": os.environ["PATH"]})
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_no_byte_of_her_is_left_in_a_dump_or_a_log(
    server, database, client, mailbox, services, log_lines
):
    her = {"environ_base": {"REMOTE_ADDR": IP, "HTTP_USER_AGENT": "Quixotic/7.0"}}

    def post(path, body):
        return client.post(f"{API}/{path}", json=body, **her)

    post("signup", {"email": ZELDA, "consents": [DELIVERY, NEWSLETTER], "source": "a page"})
    token = mailbox.deliver().token(ZELDA)
    leave = mailbox.unsubscribe_token(ZELDA)
    post("confirm", {"token": token})
    post("signup", {"email": ZELDA, "consents": ["no-such-text"]})
    post("signup", {"email": f"{ZELDA}\u0000", "consents": [DELIVERY]})
    database.rows("UPDATE lm_subscribers SET asked_at = now() - interval '1 hour'")
    post("links/renew", {"token": token})
    post(f"unsubscribe/{leave}", {"purpose": "newsletter"})
    mailbox.deliver()
    post("privacy/request", {"email": ZELDA})
    link = mailbox.deliver().privacy_token(ZELDA)
    seals.Sealer(services, settling_time=timedelta()).seal()
    # A unique key violated puts the value into the server's log, if anything does.
    with pytest.raises(psycopg.Error), psycopg.connect(database.url, autocommit=True) as conn:
        conn.execute("UPDATE lm_outbox SET state = 'sent', sent_at = NULL")
    traces = (ZELDA.encode(), LOCAL_PART, IP.encode(), b"Quixotic")
    before = dump(server, database.name)
    assert all(trace in before for trace in traces)

    assert post("privacy/export", {"token": link}).status_code == 200
    assert post("privacy/erase", {"token": link, "object": True}).status_code == 200
    post(f"unsubscribe/{leave}", {})
    post("confirm", {"token": token})
    post("signup", {"email": ZELDA, "consents": [DELIVERY]})
    post("privacy/request", {"email": ZELDA})
    seals.Sealer(services, settling_time=timedelta()).seal()

    logs = "\n".join(log_lines()).encode()
    assert b"subscriber_erased" in logs
    for place in (dump(server, database.name), logs, server.log.read_bytes()):
        for trace in (*traces, token.encode(), link.encode(), leave.encode()):
            assert trace not in place
    assert ledger.verify(services).faults == []


class Links:
    """Signs people up and catches the tokens of their mails, without sending any."""

    def __init__(self, services, client):
        self.services = services
        self.client = client
        self.caught = {}

    def send(self, mail):
        link = re.search(r"/lead-magnet/(confirm|mes-donnees)\?\S+token=(\S+)", mail.text)
        leave = re.search(r"/unsubscribe\?\S+token=([0-9a-f-]{36})", mail.text)
        self.caught[mail.to, link[1]] = link[2]
        self.caught[mail.to, "id"] = UUID(leave[1])
        return "id"

    def deliver(self):
        while outbox.deliver_next(delivery(self.services, self.send)):
            pass


@pytest.fixture
def links(services, client):
    return Links(services, client)


def at_once(*calls):
    """Start all calls at one moment; what each answered or raised."""
    barrier = threading.Barrier(len(calls))
    answers = [None] * len(calls)

    def run(index, call):
        barrier.wait()
        try:
            answers[index] = call()
        except Exception as error:
            answers[index] = type(error)

    threads = [threading.Thread(target=run, args=each) for each in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def people(links, rounds):
    emails = [f"ada{number}@example.org" for number in range(rounds)]
    for email in emails:
        sign_up(links.client, email, consents=[DELIVERY, NEWSLETTER])
    links.deliver()
    for email in emails:
        links.client.post(f"{API}/privacy/request", json={"email": email})
    links.deliver()
    return emails


def test_erase_confirm_and_unsubscribe_at_once_end_in_legal_states_only(links, database):
    run = links.services
    seen = set()
    for email in people(links, ROUNDS):
        token, link = links.caught[email, "confirm"], links.caught[email, "mes-donnees"]
        subscriber_id = links.caught[email, "id"]
        erased, confirmed, left = at_once(
            lambda link=link: privacy.erase(run, token=link, objects=False),
            lambda token=token: subscribers.confirm(run, token=token, context=HERE).status,
            lambda subscriber_id=subscriber_id: subscribers.unsubscribe(
                run, subscriber_id=subscriber_id, gesture="one_click", context=HERE
            ),
        )
        assert erased is None
        assert confirmed in ("confirmed", TokenUnknown, TokenExpired)
        assert left in (True, False, TokenUnknown)
        seen.add((confirmed, left))
    for table in TABLES:
        assert database.count(table) == 0, table
    assert database.count("lm_erasures") == ROUNDS
    assert len(seen) > 1, "the calls never met"


def test_erase_and_the_workers_claim_at_once_lose_neither(links, database):
    run, emails = links.services, people(links, 60)
    for email in emails:
        database.rows(
            "UPDATE lm_outbox o SET state = 'queued', sent_at = NULL, due_at = now()"
            " FROM lm_subscribers s WHERE s.id = o.subscriber_id AND s.email = %s",
            email,
        )
        link = links.caught[email, "mes-donnees"]
        answers = at_once(
            lambda link=link: privacy.erase(run, token=link, objects=False),
            links.deliver,
            links.deliver,
        )
        assert answers == [None, None, None]
    for table in TABLES:
        assert database.count(table) == 0, table


def test_erase_and_a_new_signup_at_once_are_one_after_the_other(links, database):
    run = links.services
    for email in people(links, 60):
        link = links.caught[email, "mes-donnees"]
        texts = [DELIVERY]
        erased, answer = at_once(
            lambda link=link: privacy.erase(run, token=link, objects=False),
            lambda email=email, texts=texts: (
                sign_up(links.client.application.test_client(), email, consents=texts).status_code
            ),
        )
        assert (erased, answer) == (None, 202)
    for row in database.rows("SELECT id, status FROM lm_subscribers"):
        assert row["status"] == "pending"
        assert not database.rows("SELECT FROM lm_erasures WHERE subscriber_id = %s", row["id"])
    assert (
        database.rows(
            "SELECT FROM lm_subscribers s WHERE NOT EXISTS"
            " (SELECT FROM lm_outbox o WHERE o.subscriber_id = s.id)"
        )
        == []
    )


def test_a_restored_backup_is_cleaned_again(
    server, database, client, mailbox, services, leadmagnet
):
    for name in ("ada", "bea", "cleo", "dora"):
        sign_up(client, f"{name}@example.org")
    confirm(client, mailbox.deliver().token("dora@example.org"))

    def erase(name, **kwargs):
        row = database.rows("SELECT id FROM lm_subscribers WHERE email = %s", f"{name}@example.org")
        return erasures.erase(services, row[0]["id"], by="person", **kwargs)

    erase("ada")
    seals.Sealer(services, settling_time=timedelta()).seal()
    backup = dump(server, database.name, "--format=custom")
    erase("bea")
    erase("cleo", address_hash=b"c" * 32)
    listed = leadmagnet("erasures", "list").stdout
    header, *lines = listed.splitlines()
    assert header.startswith("# ID")
    assert len(lines) == 3
    assert "@" not in listed

    name = f"{database.name}_restored"
    with psycopg.connect(server.url("postgres", "postgres"), autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name} OWNER lm_owner")
        try:
            restored = server.url("lm_app", name)
            subprocess.run(
                [server.bin / "pg_restore", "--dbname", server.url("postgres", name)],
                input=backup,
                check=True,
                env={"PATH": os.environ["PATH"]},
            )
            verified = leadmagnet("ledger", "verify", DATABASE_URL=restored)
            assert verified.stdout.startswith("intact"), verified.stderr
            for expected in ("2 erased again\n", "0 erased again\n"):
                result = leadmagnet("erasures", "reapply", "-", stdin=listed, DATABASE_URL=restored)
                assert result.stdout == expected, result.stderr
            with psycopg.connect(server.url("postgres", name)) as conn:
                rows = conn.execute("SELECT email FROM lm_subscribers").fetchall()
                assert rows == [("dora@example.org",)]
                assert conn.execute("SELECT address_hash FROM lm_suppressions").fetchall() == [
                    (b"c" * 32,)
                ]
            left = dump(server, name)
            assert b"bea@" not in left
            assert b"cleo@" not in left
            verified = leadmagnet("ledger", "verify", DATABASE_URL=restored)
            assert verified.stdout.startswith("intact"), verified.stderr
        finally:
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


def test_a_restored_table_alone_is_noticed_and_cleaned_from_the_tombstones(
    database, client, services, superuser, leadmagnet
):
    sign_up(client)
    (row,) = database.rows("SELECT * FROM lm_subscribers")
    erasures.erase(services, row["id"], by="person")
    superuser.execute(
        "INSERT INTO lm_subscribers (id, email, locale, asked_consents)"
        " VALUES (%s, %s, 'fr', '{}')",
        [row["id"], row["email"]],
    )
    assert "erasures reapply" in leadmagnet("ledger", "verify").stderr
    assert leadmagnet("erasures", "reapply").stdout == "1 erased again\n"
    assert database.count("lm_subscribers") == 0


def test_a_signup_that_a_backup_brings_back_unsettled_is_erased_again(
    database, services, superuser, leadmagnet
):
    """Both that of the erased person, and another of their address."""
    client = client_of(services, worker=False)
    for _ in range(2):
        sign_up(client)
    sign_up(client, "bea@example.org")
    superuser.execute("CREATE TABLE backup AS SELECT * FROM lm_requests")
    settle(services)
    erased = database.value("SELECT id FROM lm_subscribers WHERE email LIKE 'ada@%%'")
    erasures.erase(services, erased, by="person")
    listed = leadmagnet("erasures", "list").stdout
    superuser.execute("DELETE FROM lm_erasures")
    superuser.execute("DELETE FROM lm_subscribers")
    superuser.execute("INSERT INTO lm_requests OVERRIDING SYSTEM VALUE SELECT * FROM backup")
    for expected in ("1 erased again\n", "0 erased again\n"):
        assert leadmagnet("erasures", "reapply", "-", stdin=listed).stdout == expected
    assert database.value("SELECT subscriber_id FROM lm_erasures") == erased
    settle(services)
    assert database.rows("SELECT email FROM lm_subscribers") == [{"email": "bea@example.org"}]


def test_nobody_comes_back_under_an_erased_id(database, client, services):
    """Whichever role inserts the row: a tombstone would excuse whatever is missing of it."""
    sign_up(client)
    erased = database.value("SELECT id FROM lm_subscribers")
    erasures.erase(services, erased, by="person")
    insert = (
        "INSERT INTO lm_subscribers (id, email, locale, asked_consents) VALUES (%s, %s, 'fr', '{}')"
    )
    with psycopg.connect(database.url, autocommit=True) as app:
        for role in (app, database.owner):
            with pytest.raises(psycopg.errors.RestrictViolation, match="not used again"):
                role.execute(insert, [erased, ADA])
    sign_up(client)
    assert database.value("SELECT id FROM lm_subscribers") != erased


@pytest.mark.parametrize("text", ["nobody", "0199f3a2-7c11-7d2e-8f3a-5b6c7d8e9f01 12", "\ufffd"])
def test_what_is_no_list_of_erasures_is_refused_whole(leadmagnet, text):
    result = leadmagnet("erasures", "reapply", "-", stdin=f"{text}\n")
    assert result.returncode == 1
    assert "not a list of erasures: each line is an id" in result.stderr


def test_a_tombstone_reads_back_as_it_was_written():
    for objection in (None, b"x" * 32):
        tombstone = erasures.Tombstone(UUID(int=7), objection)
        assert erasures.Tombstone.parse(str(tombstone)) == tombstone


def test_the_application_erases_a_person_and_deletes_nothing_else(database, client, services):
    sign_up(client)
    with psycopg.connect(database.url, autocommit=True) as conn:
        # Expired links are deleted by retention; nothing of a person goes by another way than this.
        for table in ("lm_subscribers", "lm_consent_events", "lm_outbox", "lm_erasures"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                conn.execute(f"DELETE FROM {table}")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            conn.execute(
                "INSERT INTO lm_erasures (subscriber_id, erased_by) VALUES (uuidv7(), 'person')"
            )
    subscriber_id = database.value("SELECT id FROM lm_subscribers")
    assert erasures.erase(services, subscriber_id, by="operator") is True
    assert erasures.erase(services, subscriber_id, by="operator") is False
