"""What the studio's owner sees of people who were imported, and does with them."""

from __future__ import annotations

import base64

import pytest

from tests.moving.test_import import CONFIRMED, LATE, LEFT, PENDING, WORDING
from tests.support.admin import Caller, admin_client, new_key
from tests.support.client import problem


@pytest.fixture
def client(moved, start):
    """With a key that signs receipts."""
    services = start(RECEIPT_KEY=base64.b64encode(b"\1" * 32).decode())
    with admin_client(services) as client:
        yield client


@pytest.fixture
def owner(client, database, services):
    return Caller(client, new_key(database, services, role="owner"))


def test_the_owner_finds_imported_people_by_what_they_were(owner):
    search = lambda **body: {
        item["id"] for item in owner.post("/subscribers/search", body).json["items"]
    }
    assert len(search()) == 6
    assert search(status="unsubscribed") == {LEFT}
    assert search(address="Confirmed@example.org") == search(source="instagram_bio") == {CONFIRMED}
    assert search(newsletter=True) == set()


def test_the_story_of_an_imported_person_tells_their_claims_from_proofs(owner):
    story = owner.get(f"/subscribers/{CONFIRMED}").json
    assert story["subscriber"]["status"] == "confirmed"
    assert {event["type"] for event in story["events"]} == {"import"}
    claims = [event["claim"] for event in story["events"]]
    assert [claim.get("type") for claim in claims] == ["signup", "confirm", None]
    assert claims[0]["wording"] == WORDING
    assert claims[0]["system"] == "prospectflow"
    assert story["events"][0]["ip"] == "198.51.100.7"
    (mail,) = story["mails"]
    assert (mail["state"], mail["linksUsed"]) == ("cancelled", 3)


def test_the_receipt_of_an_imported_person_says_what_it_is(owner, seal):
    seal()
    receipt = owner.get(f"/subscribers/{CONFIRMED}/receipt").json["receipt"]
    assert {event["event_state"] for event in receipt["events"]} == {"claimed by a former system"}


def test_an_imported_person_gets_their_mail_once_more(owner, mailbox, database):
    for name, email, kind in (
        (CONFIRMED, "confirmed@example.org", "download"),
        (PENDING, "pending@example.org", "confirm"),
        (LATE, "late@example.org", "confirm"),
    ):
        assert "resend" in owner.get(f"/subscribers/{name}").json["actions"], email
        assert owner.post(f"/subscribers/{name}/resend").status_code == 200
        assert mailbox.deliver().kinds(email) == [kind]
    assert problem(owner.post(f"/subscribers/{LEFT}/resend")) == (409, "resend_refused")


def test_an_imported_person_is_unsubscribed_by_the_studio(owner, database, leadmagnet, seal):
    assert owner.post(f"/subscribers/{CONFIRMED}/unsubscribe").status_code == 200
    status = database.value("SELECT status FROM lm_subscribers WHERE id = %s", CONFIRMED)
    assert status == "unsubscribed"
    seal()
    assert leadmagnet("ledger", "verify").returncode == 0


def test_an_imported_person_is_erased_from_both(owner, database):
    body = {"reason": "person_asked", "object": True}
    assert owner.delete(f"/subscribers/{CONFIRMED}", body).status_code == 204
    for table in ("lm_subscribers", "lm_old_subscribers"):
        assert not database.value(f"SELECT count(*) FROM {table} WHERE id = %s", CONFIRMED)
    assert problem(owner.get(f"/subscribers/{CONFIRMED}")) == (404, "subscriber_unknown")
