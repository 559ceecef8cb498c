"""Every route of the admin API has a guard, and every one that writes a row in the audit."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta

import pytest

from leadmagnet.adapters.s3 import Files
from leadmagnet.admin.roles import OWNER
from leadmagnet.webhooks import events
from tests.admin.test_access import admin_rules
from tests.admin.test_files import BUCKET, PDF, bucket  # noqa: F401
from tests.admin.test_magnets import NEW, SLUG, TEXT
from tests.support.admin import ADMIN
from tests.support.client import confirm, problem, sign_up
from tests.support.settings import DELIVERY, NEWSLETTER
from tests.webhooks.test_admin import HOOK
from tests.webhooks.test_webhooks import KEY, add  # noqa: F401

# A POST for the sake of its body: an address does not belong in a path.
READS = {"POST /subscribers/search"}
# What else a route takes to succeed.
WRITES = {
    "DELETE /subscribers/<subscriber_id>": {"reason": "test"},
    "POST /subscribers/<subscriber_id>/unsubscribe": {},
    "POST /subscribers/<subscriber_id>/resend": {},
    "POST /exports": {},
    "POST /mails/retry": {"all": True},
    "POST /mails/resume": {},
    "POST /magnets": NEW,
    "PATCH /magnets/<slug>": {"fileName": "Le guide.pdf"},
    "POST /magnets/<slug>/retire": {},
    "POST /magnets/<slug>/files": {},
    "POST /magnets/<slug>/files/<file_id>/activate": {},
    "POST /texts": TEXT,
    "POST /texts/<text_id>/retire": {},
    "POST /webhooks": {**HOOK, "name": "other"},
    "POST /webhooks/<name>/rotate": {},
    "POST /webhooks/<name>/enable": {},
    "POST /webhooks/<name>/disable": {},
    "POST /webhooks/<name>/ping": {},
    "POST /webhooks/<name>/replay": {},
    "POST /deliveries/<event_id>/replay": {},
}


def writing(app):
    """What each writing route needs, by its name in WRITES."""
    needed = {}
    for rule in admin_rules(app):
        path = re.sub(r"<[^>]*:", "<", rule.rule.removeprefix(ADMIN))
        for method in rule.methods - {"GET", "HEAD", "OPTIONS"}:
            needed[f"{method} {path}"] = vars(app.view_functions[rule.endpoint])["needs"]
    return needed


def test_every_admin_route_names_what_it_needs_in_a_word_that_the_owner_has(client):
    app = client.application
    for rule in admin_rules(app):
        assert rule.endpoint.startswith("admin."), rule
        assert vars(app.view_functions[rule.endpoint])["needs"] in OWNER, rule


def test_every_permission_is_asked_for_by_some_route(client):
    app = client.application
    asked = {vars(app.view_functions[rule.endpoint])["needs"] for rule in admin_rules(app)}
    assert OWNER - asked == {"addresses:read"}


def test_every_route_that_writes_is_tried_here(client):
    assert set(writing(client.application)) == READS | set(WRITES)


@pytest.fixture
def services(bucket, start):  # noqa: F811
    services = start(WEBHOOK_KEY=KEY, WEBHOOK_ALLOW_HOSTS="n8n.studio:5678")
    return replace(services, files=Files(BUCKET, url_life=timedelta(minutes=15)))


@pytest.fixture
def things(client, mailbox, database, services, bucket, add):  # noqa: F811
    """One of each that a path names."""
    sign_up(client, consents=[DELIVERY, NEWSLETTER])
    confirm(client, mailbox.deliver().token())
    database.rows("UPDATE lm_subscribers SET asked_at = asked_at - interval '1 day'")
    add("crm")
    event = events.ping(services, "crm")
    database.rows("UPDATE lm_webhook_events SET state = 'dead', finished_at = now()")
    (file,) = database.rows("SELECT id, s3_key FROM lm_magnet_files")
    bucket.put_object(Bucket=BUCKET, Key=file["s3_key"], Body=PDF)
    return {
        "subscriber_id": str(database.value("SELECT id FROM lm_subscribers")),
        "slug": SLUG, "file_id": str(file["id"]), "text_id": NEWSLETTER,
        "name": "crm", "event_id": str(event),
    }  # fmt: skip


@pytest.mark.parametrize("name", WRITES)
def test_the_row_says_who_and_what_and_a_viewer_may_not(owner, viewer, things, database, name):
    word = writing(owner.client.application)[name]
    method, path = name.split()
    whom = things["subscriber_id"] if "<subscriber_id>" in path else None
    path = re.sub("<(.*?)>", lambda found: things[found[1]], path)
    if name.endswith("/enable"):
        owner.post("/webhooks/crm/disable")
    call = {"json": WRITES[name], "headers": {"If-Match": '"1"'}}
    noted = frozenset(("lm_audit", "lm_admin_keys"))
    before = database.checksum(without=noted)
    assert problem(viewer.open(method, path, **call)) == (403, "role_missing")
    assert database.checksum(without=noted) == before
    answer = owner.open(method, path, **call)
    assert answer.status_code in (200, 201, 204), answer.data
    rows = database.rows(
        "SELECT actor, action, outcome, subscriber_id::text FROM lm_audit WHERE request_id = %s",
        answer.headers["X-Request-Id"],
    )
    assert rows == [
        {"actor": "key:ada-laptop", "action": word, "outcome": "done", "subscriber_id": whom}
    ]
