"""After a restore nobody gets mail who had ended it since the backup."""

from __future__ import annotations

import json
import os
import subprocess
from datetime import timedelta

import psycopg
import pytest

from leadmagnet.consent import seals
from leadmagnet.mail import ses_events
from leadmagnet.rights import erasures
from tests.rights.test_erasures import dump
from tests.support.client import confirm, sign_up
from tests.support.settings import API, DELIVERY, NEWSLETTER

NAMES = ("ada", "bea", "cleo", "dora", "eve")


def email(name):
    return f"{name}@example.org"


@pytest.fixture
def people(client, mailbox, services):
    """Five who have confirmed file and newsletter, and one who has just asked."""
    for name in NAMES:
        sign_up(client, email(name), consents=[DELIVERY, NEWSLETTER])
    mailbox.deliver()
    for name in NAMES:
        confirm(client, mailbox.token(email(name)))
    sign_up(client, email("fay"))
    seals.Sealer(services, settling_time=timedelta()).seal()


@pytest.fixture
def restored(server, database, people):
    """Restores the dump of now into an empty database, later; and says when the dump was made."""
    backup = dump(server, database.name, "--format=custom")
    since = database.value("SELECT clock_timestamp()").isoformat()
    name = f"{database.name}_restored"
    with psycopg.connect(server.url("postgres", "postgres"), autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name} OWNER lm_owner")

        def restore(*options, into=name):
            command = [server.bin / "pg_restore", "--dbname", server.url("postgres", into)]
            environment = {"PATH": os.environ["PATH"]}
            return subprocess.run(
                [*command, *options], input=backup, capture_output=True, env=environment
            )

        yield restore, since, server.url("lm_app", name)
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


def ended(database, client, mailbox, services):
    """Everybody ends it in another way."""
    ids = {row["email"]: row["id"] for row in database.rows("SELECT id, email FROM lm_subscribers")}
    client.post(f"{API}/unsubscribe/{mailbox.unsubscribe_token(email('ada'))}")
    token = mailbox.unsubscribe_token(email("bea"))
    client.post(f"{API}/unsubscribe/{token}", json={"purpose": "newsletter"})
    complaint = {
        "eventType": "Complaint",
        "mail": {
            "messageId": mailbox.messages(email("cleo"))[0]["id"],
            "destination": [email("cleo")],
        },
        "complaint": {"complainedRecipients": [{"emailAddress": email("cleo")}]},
    }
    ses_events.record(services, "1", ses_events.understand(json.dumps(complaint)))
    erasures.erase(services, ids[email("dora")], by="person")


def test_what_ended_peoples_mail_since_the_backup_is_repeated_from_the_log(
    restored, database, client, mailbox, services, leadmagnet, log_lines, tmp_path
):
    restore, since, url = restored
    ended(database, client, mailbox, services)
    sign_up(client, email("gil"))
    mailbox.deliver()
    client.post(f"{API}/unsubscribe/{mailbox.unsubscribe_token(email('gil'))}")
    log = tmp_path / "api.log"
    # As `docker compose logs` prints them, and with what is no line of ours.
    log_lines_before = log_lines()
    log.write_text(
        "".join(f"api-1  | {line}\n" for line in log_lines_before) + "api-1  | {no json\n"
    )

    assert restore("--exit-on-error").returncode == 0
    for said in (
        "1 unsubscribed again\n1 taken off the newsletter again\n"
        "1 marked as bounced or complained again\n1 erased again\n1 not in this database\n",
        "4 found as they should be\n1 not in this database\n",
    ):
        ran = leadmagnet("replay", "--since", since, str(log), DATABASE_URL=url)
        assert ran.returncode == 0, ran.stderr
        assert ran.stdout == said
        last = len(log_lines_before) + 1
        assert ran.stderr == f"{log}: 1 line of something else, from line {last}\n"
    with psycopg.connect(url) as conn:
        rows = conn.execute("SELECT email, status, newsletter FROM lm_subscribers ORDER BY email")
        assert rows.fetchall() == [
            (email("ada"), "unsubscribed", False),
            (email("bea"), "confirmed", False),
            (email("cleo"), "complained", False),
            (email("eve"), "confirmed", True),
            (email("fay"), "pending", False),
        ]
    verified = leadmagnet("ledger", "verify", DATABASE_URL=url)
    assert verified.returncode == 0, verified.stderr


def test_what_was_before_the_backup_is_not_repeated(restored, leadmagnet, tmp_path):
    restore, since, url = restored
    log = tmp_path / "api.log"
    line = {
        "at": "2020-01-01T00:00:00.000+00:00",
        "event": "subscriber_unsubscribed",
        "subscriber_id": "6f1c7f0e-0f5e-4b55-9a51-000000000001",
    }
    log.write_text(json.dumps(line))
    assert restore("--exit-on-error").returncode == 0
    ran = leadmagnet("replay", "--since", since, str(log), DATABASE_URL=url)
    assert ran.stdout.startswith("nothing to repeat since ")
    for moment, reason in {"yesterday": "must be like", "2099-01-01": "is in the future"}.items():
        refused = leadmagnet("replay", "--since", moment, str(log))
        assert (refused.returncode, reason in refused.stderr) == (2, True)


def test_data_alone_cannot_be_restored_over_the_ledger(restored, server, database):
    """Into a migrated database, the rows would be stamped anew, and no seal would fit them."""
    restore, _, _ = restored
    ran = restore("--data-only", "--single-transaction", "--table=lm_consent_events",
                  into=database.name)  # fmt: skip
    assert ran.returncode == 1
    assert b"Restore the whole dump into an empty database" in ran.stderr
