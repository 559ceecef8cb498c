"""From the former system's tables to a person who gets the file by the link in an old mail; and
every flow of the product, on people who were imported."""

from __future__ import annotations

import hmac
import json
from base64 import urlsafe_b64encode

import pytest
from psycopg.types.json import Jsonb

from leadmagnet.mail import ses_events
from leadmagnet.rights import retention
from tests.moving.test_import import BOUNCED, CONFIRMED, IDN, LATE, LEFT, PENDING, claims
from tests.support.client import client_of, confirm, problem, sign_up
from tests.support.settings import API

SECRET = "an-old-secret-of-the-former-system"
LINKS = {"pending": "A" * 43, "late": "B" * 43, "confirmed": "C" * 43}


def old_unsubscribe_token(name, secret=SECRET):
    digest = hmac.digest(secret.encode(), name.encode(), "sha256")
    return f"{name}.{urlsafe_b64encode(digest).rstrip(b'=').decode()}"


@pytest.fixture
def old_links(start, moved):
    """A client of a service that knows the former system's secret."""
    return client_of(start(LEGACY_UNSUBSCRIBE_KEYS=SECRET))


def status(database, name):
    return database.value("SELECT status FROM lm_subscribers WHERE id = %s", name)


def test_the_whole_way_by_commands(leadmagnet, owner_url, database, client, seal):
    def run(*args, stdin="", code=0):
        ran = leadmagnet(*args, stdin=stdin)
        assert ran.returncode == code, ran.stderr
        return ran

    assert "prospectflow aside" in run("migrate", code=1).stderr
    run("import", "prospectflow", "aside")
    run("migrate")
    assert "nobody was imported" in run("import", "prospectflow", "check", code=1).stderr
    database.rows(
        "INSERT INTO lm_magnets (slug, title, description, file_name)"
        " VALUES ('guide', %s, %s, 'Guide.pdf')",
        *(Jsonb({"fr": "Guide", "en": "Guide"}),) * 2,
    )
    database.rows(
        "INSERT INTO lm_magnet_files (magnet_id, sha256, size_bytes, s3_key)"
        " SELECT id, sha256('%PDF-'), 5, 'guides/guide.pdf' FROM lm_magnets;"
        "UPDATE lm_magnets SET s3_key = 'guides/guide.pdf'"
    )
    text = ("--magnet", "guide", "--purpose", "delivery", "--locale", "fr")
    text += ("--policy-version", "2", "--policy-url", "https://www.example.org/privacy")
    run("texts", "add", *text, "-", stdin="Envoyez-moi le guide.")
    ran = run("import", "prospectflow", "run", "--magnet", "guide", "--dry-run")
    assert "6 imported" in ran.stdout
    assert "nothing was changed" in ran.stdout
    run("import", "prospectflow", "run", "--magnet", "guide")
    refused = leadmagnet("import", "prospectflow", "drop", stdin="y\n")
    assert refused.returncode == 1
    assert "leadmagnet ledger seal" in refused.stderr
    seal()
    assert (
        "links that still work: 2, 2 of them here" in run("import", "prospectflow", "check").stdout
    )

    head = run("ledger", "head").stdout.strip()
    other = head[:-1] + ("0" if head[-1] != "0" else "1")
    for command in ("check", "drop"):
        said = run("import", "prospectflow", command, "--head", other, stdin="y\n", code=1).stderr
        assert "Fault: " in said

    # The link in a mail that the former system sent.
    described = client.get(f"{API}/confirm/{LINKS['pending']}").json
    assert described["status"] == "pending"
    answer = confirm(client, LINKS["pending"]).json
    assert answer["status"] == "confirmed"
    assert "guides/guide.pdf" in answer["downloadUrl"]

    assert run("import", "prospectflow", "drop", stdin="n\n", code=1)
    assert database.count("lm_old_subscribers") == 6
    seal()
    assert "deleted" in run("import", "prospectflow", "drop", "--head", head, stdin="y\n").stdout
    audited = database.rows("SELECT actor, detail FROM lm_audit WHERE action LIKE '%%:import'")
    assert [row["actor"] for row in audited] == ["operator"] * 2
    assert [row["detail"]["act"] for row in audited] == ["run", "drop"]
    assert audited[0]["detail"]["imported"] == 6
    assert database.value("SELECT to_regclass('lm_old_subscribers')") is None
    assert run("ledger", "verify").stdout.startswith("intact: ")


def test_an_old_link_of_a_confirmed_person_hands_out_the_file(moved, client, database):
    answer = confirm(client, LINKS["confirmed"])
    assert answer.json["status"] == "already_confirmed"
    assert status(database, CONFIRMED) == "confirmed"


def test_an_expired_old_link_renews_itself(moved, client, mailbox, database):
    assert problem(confirm(client, LINKS["late"])) == (410, "token_expired")
    renewed = client.post(f"{API}/links/renew", json={"token": LINKS["late"]})
    assert renewed.status_code == 202
    token = mailbox.deliver().token("late@example.org")
    assert confirm(client, token).json["status"] == "confirmed"
    assert status(database, LATE) == "confirmed"


def test_a_second_signup_of_someone_who_left_brings_them_back(moved, client, mailbox, database):
    assert sign_up(client, "left@example.org").status_code == 202
    assert status(database, LEFT) == "unsubscribed"
    assert confirm(client, mailbox.deliver().token("left@example.org")).status_code == 200
    assert status(database, LEFT) == "confirmed"


def test_a_second_signup_of_someone_confirmed_is_a_download(moved, client, mailbox):
    sign_up(client, "confirmed@example.org")
    assert mailbox.deliver().kinds("confirmed@example.org") == ["download"]


def test_the_old_unsubscribe_link_works(old_links, database, leadmagnet, seal):
    token = old_unsubscribe_token(CONFIRMED)
    assert old_links.get(f"{API}/unsubscribe/{token}").json["status"] == "confirmed"
    for _ in range(2):
        assert old_links.post(f"{API}/unsubscribe/{token}").json["status"] == "unsubscribed"
    assert status(database, CONFIRMED) == "unsubscribed"
    seal()
    assert leadmagnet("ledger", "verify").returncode == 0


def test_the_old_unsubscribe_link_of_a_merged_record_works(start, make_room, bring_in, database):
    other = "6f1c7f0e-0f5e-4b55-9a51-000000000008"
    database.rows(
        "INSERT INTO lm_subscribers (id, email, status, created_at)"
        " VALUES (%s, 'old@xn--exmple-qta.org', 'pending', now())",
        other,
    )
    make_room()
    bring_in()
    client = client_of(start(LEGACY_UNSUBSCRIBE_KEYS=SECRET))
    token = old_unsubscribe_token(other)
    assert client.get(f"{API}/unsubscribe/{token}").json["status"] == "confirmed"
    ended = client.post(f"{API}/unsubscribe/{token}", json={"purpose": "newsletter"})
    assert ended.json["status"] == "confirmed"
    assert ended.json["newsletter"] is False
    assert client.post(f"{API}/unsubscribe/{token}").status_code == 200
    assert status(database, IDN) == "unsubscribed"


def test_another_secret_unsubscribes_nobody(old_links, client, database):
    for token in (
        old_unsubscribe_token(CONFIRMED, "fallback-unsubscribe-secret"),
        old_unsubscribe_token(LEFT).replace(LEFT, CONFIRMED),
    ):
        assert problem(old_links.post(f"{API}/unsubscribe/{token}"))[0] == 404
    # Nor does any, where no secret is set.
    assert client.post(f"{API}/unsubscribe/{old_unsubscribe_token(CONFIRMED)}").status_code == 404
    assert status(database, CONFIRMED) == "confirmed"


def test_an_imported_person_unsubscribes_by_a_link_of_ours(moved, client, mailbox, database):
    sign_up(client, "confirmed@example.org")
    token = mailbox.deliver().unsubscribe_token("confirmed@example.org")
    assert client.post(f"{API}/unsubscribe/{token}").status_code == 200
    assert status(database, CONFIRMED) == "unsubscribed"


def privacy_token(client, mailbox, email):
    assert client.post(f"{API}/privacy/request", json={"email": email}).status_code == 202
    return mailbox.deliver().privacy_token(email)


def test_an_imported_person_sees_what_is_held_claims_included(moved, client, mailbox):
    token = privacy_token(client, mailbox, "confirmed@example.org")
    held = client.post(f"{API}/privacy/export", json={"token": token}).json
    assert "Je veux recevoir" in json.dumps(held)
    assert "prospectflow" in json.dumps(held)


def test_an_imported_person_erases_themselves_from_both(moved, client, mailbox, database, services):
    token = privacy_token(client, mailbox, "confirmed@example.org")
    body = {"token": token}
    assert client.post(f"{API}/privacy/erase", json=body).status_code == 200
    assert database.value("SELECT count(*) FROM lm_old_subscribers WHERE id = %s", CONFIRMED) == 0
    assert (
        database.value(
            "SELECT count(*) FROM lm_old_consent_events WHERE subscriber_id = %s", CONFIRMED
        )
        == 0
    )
    assert problem(confirm(client, LINKS["confirmed"]))[0] == 404


@pytest.mark.parametrize("kind", ["bounce", "complaint"])
def test_a_bounce_and_a_complaint_reach_an_imported_person(
    moved, client, mailbox, services, database, kind, seal, leadmagnet
):
    sign_up(client, "confirmed@example.org")
    message = mailbox.deliver().messages("confirmed@example.org")[0]
    detail = (
        {"bounce": {"bounceType": "Permanent", "bouncedRecipients": [
            {"emailAddress": "confirmed@example.org"}]}}
        if kind == "bounce"
        else {"complaint": {"complainedRecipients": [{"emailAddress": "confirmed@example.org"}]}}
    )  # fmt: skip
    event = {
        "eventType": kind.capitalize(),
        "mail": {"messageId": message["id"], "destination": ["confirmed@example.org"], "tags": {}},
        **detail,
    }
    ses_events.record(services, "1", ses_events.understand(json.dumps(event)))
    assert status(database, CONFIRMED) == {"bounce": "bounced", "complaint": "complained"}[kind]
    seal()
    assert leadmagnet("ledger", "verify").returncode == 0


def test_retention_counts_from_the_old_dates_and_not_from_the_import(moved, services, database):
    database.rows("ALTER TABLE lm_subscribers DISABLE TRIGGER USER")
    database.rows(
        "UPDATE lm_subscribers SET created_at = now() - interval '5 years',"
        " asked_at = now() - interval '5 years', status_at = now() - interval '5 years',"
        " confirmed_at = now() - interval '5 years' WHERE id = %s",
        CONFIRMED,
    )
    database.rows("ALTER TABLE lm_subscribers ENABLE TRIGGER USER")
    database.rows("UPDATE lm_consent_context SET created_at = now() - interval '13 months'")
    list(retention.purge(services))
    names = {str(row["id"]) for row in database.rows("SELECT id FROM lm_subscribers")}
    # Nobody clicked the link of ninety days ago; the other's last act is long ago.
    assert names == {PENDING, IDN, LEFT, BOUNCED}
    assert database.count("lm_consent_context") == 0
    assert database.value("SELECT count(*) FROM lm_old_subscribers") == 4


def test_a_receipt_says_that_it_is_evidence_of_the_former_system(moved, leadmagnet, seal):
    seal()
    ran = leadmagnet("receipt", "show", CONFIRMED, RECEIPT_KEY="A" * 43)
    assert ran.returncode == 0, ran.stderr
    receipt = json.loads(ran.stdout)["receipt"]
    (processing,) = receipt["pii_processing"]
    (purpose,) = processing["purposes"]
    assert purpose["collection_method"].startswith("imported: evidence of a former system")
    assert {event["event_state"] for event in receipt["events"]} == {"claimed by a former system"}
    assert receipt["events"][1]["claim"]["type"] == "confirm"


def test_a_claim_that_is_altered_is_a_fault(moved, superuser, leadmagnet, seal):
    seal()
    superuser.execute(
        'UPDATE lm_consent_events SET claim = claim || \'{"occurred_at": "2020-01-01"}\''
        " WHERE claim ->> 'type' = 'confirm'"
    )
    ran = leadmagnet("ledger", "verify")
    assert ran.returncode == 1
    assert ran.stderr.count("was altered") == 3


def test_a_status_that_no_claim_supports_is_a_fault(moved, superuser, leadmagnet, seal, database):
    seal()
    superuser.execute("UPDATE lm_subscribers SET status = 'confirmed' WHERE id = %s", [LEFT])
    superuser.execute(
        "UPDATE lm_subscribers SET status = 'confirmed', confirmed_at = now() WHERE id = %s",
        [PENDING],
    )
    superuser.execute("UPDATE lm_subscribers SET newsletter = true WHERE id = %s", [CONFIRMED])
    said = leadmagnet("ledger", "verify").stderr
    assert f"subscriber {LEFT} counts as confirmed" in said
    assert f"subscriber {PENDING} counts as confirmed" in said
    assert f"subscriber {CONFIRMED} gets the newsletter" in said
    assert claims(database, CONFIRMED)
