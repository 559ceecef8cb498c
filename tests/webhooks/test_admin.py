"""The endpoints of webhooks in the admin API: the owner's alone, and each change in the account."""

# ruff: noqa: F811 - fixtures are imported

from __future__ import annotations

from datetime import datetime

import pytest
from standardwebhooks import Webhook

from leadmagnet.rights import erasures
from leadmagnet.webhooks import events
from tests.admin.conftest import client, owner, viewer  # noqa: F401
from tests.support.client import confirm, problem, sign_up
from tests.support.settings import DELIVERY
from tests.webhooks.test_webhooks import consumer, deliver, services  # noqa: F401

HOOK = {"name": "crm", "url": "http://n8n.studio:5678/crm", "includeEmail": True}


def acts(database):
    rows = database.rows("SELECT actor, action, detail->>'act' AS act FROM lm_audit ORDER BY id")
    assert {row["actor"] for row in rows} == {"key:ada-laptop"}
    return [(row["action"].partition(":")[2], row["act"]) for row in rows]


def test_the_owner_adds_tries_rotates_and_disables_an_endpoint(owner, deliver, database):
    added = owner.post("/webhooks", HOOK)
    assert added.status_code == 200
    pinged = owner.post("/webhooks/crm/ping").json["id"]
    _, headers, body = deliver().posts[-1]
    assert Webhook(added.json["secret"]).verify(body.decode(), headers)["type"] == "ping"
    (delivery,) = owner.get("/deliveries?endpoint=crm").json["items"]
    assert (delivery["id"], delivery["state"]) == (pinged, "delivered")
    assert owner.post(f"/deliveries/{pinged}/replay").status_code == 200
    deliver()
    database.rows("UPDATE lm_webhook_events SET state = 'dead'")
    assert owner.post("/webhooks/crm/replay").json == {"events": 1}
    assert owner.post("/webhooks/crm/rotate").json["secret"] != added.json["secret"]
    assert owner.post("/webhooks/crm/disable").status_code == 200
    (endpoint,) = owner.get("/webhooks").json["items"]
    assert (endpoint["disabledWhy"], endpoint["includeEmail"]) == ("operator", True)
    assert len(endpoint["events"]) == 6
    assert "secret" not in endpoint
    assert owner.post("/webhooks/crm/enable").status_code == 200
    assert acts(database) == [
        ("manage", act)
        for act in ("add", "ping", "replay", "replay", "rotate", "disable", "enable")
    ]
    assert database.value("SELECT detail->>'includeEmail' FROM lm_audit ORDER BY id LIMIT 1")


def test_a_viewer_sees_and_changes_nothing(owner, viewer, database):
    owner.post("/webhooks", HOOK)
    for path in ("/webhooks", "/deliveries", "/erasures"):
        assert problem(viewer.get(path)) == (403, "role_missing")
    for path in ("", "/crm/rotate", "/crm/ping", "/crm/disable", "/crm/enable", "/crm/replay"):
        body = {} if path else HOOK
        assert problem(viewer.post(f"/webhooks{path}", body)) == (403, "role_missing")
    assert database.count("lm_webhook_endpoints") == 1


@pytest.mark.parametrize(
    ("path", "body", "expected"),
    [
        ("/webhooks", HOOK, (409, "endpoint_exists")),
        ("/webhooks", HOOK | {"name": "CRM"}, (422, "field_invalid")),
        ("/webhooks", HOOK | {"events": ["subscriber.gone"]}, (422, "field_invalid")),
        ("/webhooks", HOOK | {"name": "n", "url": "http://169.254.1.1/"}, (422, "url_refused")),
        ("/webhooks/nobody/ping", {}, (409, "endpoint_unknown")),
        ("/webhooks/crm/enable", {}, (409, "endpoint_unknown")),
        ("/webhooks/crm/replay", {}, (409, "event_unknown")),
        (
            "/deliveries/9b2f6c1e-3f0a-4d58-9a53-5b6c7d8e9f01/replay",
            {},
            (409, "event_unknown"),
        ),
    ],
)
def test_what_is_refused_changes_nothing(owner, database, path, body, expected):
    owner.post("/webhooks", HOOK)
    assert problem(owner.post(path, body)) == expected
    assert acts(database) == [("manage", "add")]


def test_the_owner_sees_who_acknowledged_an_erasure(
    owner,
    client,
    mailbox,
    deliver,
    services,
    database,
):
    owner.post("/webhooks", HOOK)
    for _ in range(3):
        sign_up(client, consents=[DELIVERY])
        confirm(client, mailbox.deliver().token())
        person = database.value("SELECT id FROM lm_subscribers")
        deliver()
        erasures.erase(services, person, by="person")
    assert [told["state"] for told in owner.get("/erasures").json["items"][0]["told"]] == [
        "waiting"
    ]
    deliver()
    newest, middle = owner.get("/erasures?limit=2").json["items"]
    (oldest,) = owner.get(f"/erasures?before={middle['id']}").json["items"]
    assert newest["id"] > middle["id"] > oldest["id"]
    assert (newest["subscriberId"], newest["erasedBy"]) == (str(person), "person")
    (told,) = newest["told"]
    assert datetime.fromisoformat(told.pop("acknowledgedAt")) > datetime.fromisoformat(
        newest["erasedAt"]
    )
    assert told == {"endpoint": "crm", "address": True, "state": "acknowledged"}
    assert problem(owner.get("/erasures?before=0")) == (422, "field_invalid")


def test_deliveries_come_in_pages_the_newest_first(owner, services):
    owner.post("/webhooks", HOOK)
    pings = [str(events.ping(services, "crm")) for _ in range(3)]
    first = [each["id"] for each in owner.get("/deliveries?limit=2").json["items"]]
    second = owner.get(f"/deliveries?limit=2&before={first[-1]}").json["items"]
    assert [*first, *(each["id"] for each in second)] == pings[::-1]
    assert problem(owner.get("/deliveries?limit=0")) == (422, "field_invalid")
