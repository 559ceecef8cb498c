"""The list: found by what is asked, told whole, and changed only with an account of it."""

from __future__ import annotations

import base64
import itertools
import json
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from threading import Barrier

import pytest

from leadmagnet.consent import receipts, seals
from tests.admin.test_access import admin_rules
from tests.support.admin import ADMIN, Caller, admin_client, new_key
from tests.support.client import confirm, problem, sign_up
from tests.support.schemas import assert_valid, contract
from tests.support.settings import ADA, API, DELIVERY, NEWSLETTER
from tests.web.test_hostile_bodies import MALFORMED

NOBODY = "9b2f6c1e-3f0a-4d58-9a53-5b6c7d8e9f01"
LONG_AGO = "UPDATE lm_subscribers SET asked_at = asked_at - interval '1 day'"


@pytest.fixture
def ada(client, database, mailbox):
    """Ada has confirmed, and got the file."""
    sign_up(client, consents=[DELIVERY, NEWSLETTER], source="<script>alert(1)</script>")
    confirm(client, mailbox.deliver().token())
    return str(database.value("SELECT id FROM lm_subscribers"))


def people(database, number):
    database.rows(
        "INSERT INTO lm_subscribers (email, locale, asked_consents, created_at)"
        " SELECT format('p%%s@example.org', n), 'fr', '{}', '2026-01-01'"
        " FROM generate_series(1, %s) n",
        number,
    )


def found(answer):
    assert answer.status_code == 200, answer.data
    return [item["email"] for item in answer.json["items"]]


def test_a_page_follows_the_other_without_a_gap_or_a_double(owner, database):
    people(database, 23)
    seen, cursor = [], {}
    while cursor is not None:
        page = owner.post("/subscribers/search", {"limit": 5, **cursor}).json
        seen += [item["email"] for item in page["items"]]
        cursor = {"cursor": page["nextCursor"]} if page["nextCursor"] else None
        # Who signs up meanwhile is newer, and on no later page.
        database.rows(
            "INSERT INTO lm_subscribers (email, locale, asked_consents)"
            f" VALUES ('new{len(seen)}@example.org', 'fr', '{{}}')"
        )
    assert sorted(seen) == sorted(f"p{n}@example.org" for n in range(1, 24))


def test_the_link_leads_to_the_next_page_of_the_same_search(owner, database):
    people(database, 3)
    search = {"status": "pending", "limit": 2}
    first = owner.post("/subscribers/search", search)
    target, relation = first.headers["Link"].split("; ")
    assert (target[: len(ADMIN) + 1], relation) == (f"<{ADMIN}", 'rel="next"')
    path = target[1:-1].removeprefix(ADMIN)
    last = owner.post(path, search)
    assert len({*found(first), *found(last)}) == 3
    assert "Link" not in last.headers
    assert problem(owner.post(path, {})) == (422, "cursor_mismatch")
    assert problem(owner.post("/subscribers/search?cursor=x")) == (422, "cursor_invalid")


def test_filters_say_what_they_say(owner, ada, client, database):
    sign_up(client, "grace@example.org")
    everybody = {ADA, "grace@example.org"}
    search = lambda **body: set(found(owner.post("/subscribers/search", body)))
    assert search() == everybody
    assert search(status="confirmed") == search(newsletter=True) == {ADA}
    assert search(status="pending") == {"grace@example.org"}
    assert search(magnet="guide-mariee-sereine") == everybody
    assert search(magnet="none") == search(source="none") == set()
    assert search(source="<script>alert(1)</script>") == {ADA}
    assert search(withoutFile=True) == search(mailDead=True) == set()
    database.rows("UPDATE lm_download_tokens SET use_count = 0")
    assert search(withoutFile=True) == {ADA}
    database.rows("UPDATE lm_outbox SET state = 'dead', sent_at = NULL")
    assert search(mailDead=True) == everybody
    database.rows("DELETE FROM lm_download_tokens")
    assert search(withoutFile=True) == set(), "links that are deleted tell nothing"
    assert search(askedFrom="2100-01-01T00:00:00Z") == set()
    assert search(askedBefore="2100-01-01T00:00:00+01:00") == everybody


def test_an_address_is_found_whole_or_by_its_beginning_and_nothing_is_a_pattern(owner, database):
    for email in ("a_b@example.org", "axb@example.org", "a%b@example.org", "=1+1@example.org"):
        database.rows(
            "INSERT INTO lm_subscribers (email, locale, asked_consents) VALUES (%s, 'fr', '{}')",
            email,
        )
    search = lambda **body: found(owner.post("/subscribers/search", body))
    assert search(address="A_B@Example.ORG") == ["a_b@example.org"]
    assert search(prefix="a_") == ["a_b@example.org"]
    assert search(prefix="A%") == ["a%b@example.org"]
    assert search(prefix="=1") == ["=1+1@example.org"]
    for nothing in ("%%", "__", "\\\\", "' OR 1=1 --", '"a', "a_b@example.org.fr", "é" * 100):
        assert search(prefix=nothing) == [], nothing


NO_SEARCHES = [
    {"prefix": "a"},
    {"prefix": "a" * 101},
    {"prefix": "a\0b"},
    {"prefix": 1},
    {"address": "nobody"},
    {"address": "x" * 10_000},
    {"address": ADA, "prefix": "ad"},
    {"status": "erased"},
    {"newsletter": "true"},
    {"newsletter": None},
    {"askedFrom": "today"},
    {"askedFrom": "2026-01-01T00:00:00"},
    {"limit": 0},
    {"limit": 201},
    {"limit": "5"},
    {"sort": "email;DROP"},
    {"page": 2},
    {"cursor": "x"},
    {"cursor": "é"},
    {"cursor": "bnVsbA=="},
    {"cursor": base64.urlsafe_b64encode(b'["2026", "x", "y"]').decode()},
    {"cursor": base64.urlsafe_b64encode(b"[" * 200).decode()},
]


def test_a_search_that_is_none_is_refused(owner, subtests):
    for body in NO_SEARCHES:
        with subtests.test(str(body)):
            assert problem(owner.post("/subscribers/search", body))[0] == 422


def test_hostile_text_finds_nobody_anywhere(owner, ada):
    texts = ["%", "__", "\\", "'", '"', "' OR 1=1 --", "a\0b", "x" * 10_000, "\u202e", "＝1"]
    names = ("address", "prefix", "source", "magnet", "status", "cursor", "askedFrom")
    for text, name in itertools.product(texts, names):
        answer = owner.post("/subscribers/search", {name: text})
        assert answer.status_code == 422 or found(answer) == [], (name, text)
        answer = owner.post("/exports", {name: text, "everybody": True})
        assert answer.status_code == 422 or ADA.encode() not in answer.data, (name, text)


def test_a_body_that_is_no_json_object_is_refused(owner):
    paths = ("subscribers/search", "exports", "mails/retry")
    for path, (name, body) in itertools.product(paths, MALFORMED.items()):
        answer = owner.open("POST", f"/{path}", data=body, content_type="application/json")
        assert problem(answer) == (400, "json_malformed"), (path, name)


def test_a_cursor_that_somebody_changed_is_refused_or_another_page(owner, database):
    people(database, 2)
    cursor = owner.post("/subscribers/search", {"limit": 1}).json["nextCursor"]
    _, last, mark = json.loads(base64.urlsafe_b64decode(cursor))
    times = ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "infinity", "", 1, None, []]
    for at in [*times, "2026-01-01T00:00:00+23:59:59", "2026-01-01", "99999-01-01T00:00:00Z"]:
        changed = base64.urlsafe_b64encode(json.dumps([at, last, mark]).encode()).decode()
        answer = owner.post("/subscribers/search", {"cursor": changed})
        assert answer.status_code == 200 or problem(answer) == (422, "cursor_invalid"), at


def test_a_cursor_of_another_search_is_refused_and_holds_no_address(owner, database):
    people(database, 3)
    cursor = owner.post("/subscribers/search", {"prefix": "p1", "limit": 1}).json["nextCursor"]
    assert cursor is None
    cursor = owner.post("/subscribers/search", {"status": "pending", "limit": 1}).json["nextCursor"]
    assert "example" not in base64.urlsafe_b64decode(cursor).decode()
    for other in ({}, {"status": "confirmed"}, {"status": "pending", "prefix": "p1"}):
        answer = owner.post("/subscribers/search", {**other, "cursor": cursor})
        assert problem(answer) == (422, "cursor_mismatch")


def test_a_viewer_sees_masked_addresses_and_cannot_guess_them(viewer, ada):
    assert found(viewer.post("/subscribers/search")) == ["a•••@e•••.org"]
    for body in ({"address": ADA}, {"prefix": "ad"}):
        answer = viewer.post("/subscribers/search", body)
        assert problem(answer) == (403, "role_missing")
        assert answer.json["required"] == "addresses:read"


def test_the_story_is_whole(owner, ada, database):
    story = owner.get(f"/subscribers/{ada}").json
    assert story["subscriber"]["email"] == ADA
    assert [(e["type"], e["purpose"]) for e in story["events"]] == [
        ("signup", "delivery"), ("signup", "newsletter"),
        ("confirm", "delivery"), ("confirm", "newsletter"),
    ]  # fmt: skip
    for event in story["events"]:
        assert event["text"] and event["policyUrl"] and event["gesture"] and event["occurredAt"]
        assert event["ip"] == "127.0.0.1"
    (mail,) = story["mails"]
    assert (mail["state"], mail["linksUsed"]) == ("sent", 1)
    assert "keys" not in json.dumps(story) and "salt" not in json.dumps(story)


def assert_exactly_as_documented(answer, schema):
    """The answer has every property of the schema in openapi.yaml, of its type, and no other."""
    components = contract()["components"]
    schemas = components["schemas"]
    bases = [
        heir["allOf"][0]["$ref"].rpartition("/")[2] for heir in schemas.values() if "allOf" in heir
    ]
    for name, each in schemas.items():
        if name not in bases:
            each["unevaluatedProperties"] = False
    rules = {"$ref": f"#/components/schemas/{schema}", "components": components}
    assert_valid(answer, rules)


def test_the_story_has_the_properties_of_the_contract_and_no_others(owner, ada, database):
    database.rows(
        "INSERT INTO lm_ses_events (message_id, subscriber_id, outbox_id, type)"
        " SELECT 'm1', subscriber_id, id, 'Delivery' FROM lm_outbox"
    )
    story = owner.get(f"/subscribers/{ada}").json
    assert story["events"] and story["mails"][0]["provider"] and story["files"]
    assert_exactly_as_documented(story, "Story")


def test_a_glance_is_noted_once_a_day_and_shown_to_the_person(client, owner, ada, mailbox):
    for _ in range(3):
        owner.get(f"/subscribers/{ada}")
    (entry,) = owner.get(f"/audit?subscriberId={ada}").json["items"]
    assert (entry["actor"], entry["action"]) == ("key:ada-laptop", "subscribers:inspect")
    client.post(f"{API}/privacy/request", json={"email": ADA})
    held = client.post(f"{API}/privacy/export", json={"token": mailbox.deliver().privacy_token()})
    (act,) = held.json["adminActs"]
    said = (act["actor"], act["action"], act["outcome"])
    assert said == ("key:ada-laptop", "subscribers:inspect", "done")
    # PostgreSQL writes a time without the zeros at its end.
    when = [datetime.fromisoformat(each["occurredAt"]) for each in (act, entry)]
    assert when[0] == when[1]


@pytest.mark.parametrize(
    "status", ["pending", "confirmed", "unsubscribed", "bounced", "complained"]
)
@pytest.mark.parametrize("recent", [True, False])
def test_what_is_offered_is_what_works(owner, ada, database, status, recent):
    """In every state, the resend that is offered is accepted, and one that is not is refused."""
    newsletter = "newsletter = newsletter AND %s IN ('confirmed', 'bounced')"
    database.rows(f"UPDATE lm_subscribers SET {newsletter}, status = %s", status, status)
    if not recent:
        database.rows(LONG_AGO)
    actions = owner.get(f"/subscribers/{ada}").json["actions"]
    assert ("unsubscribe" in actions) == (status in ("pending", "confirmed", "bounced"))
    before = database.count("lm_outbox")
    answer = owner.post(f"/subscribers/{ada}/resend")
    assert answer.status_code == (200 if "resend" in actions else 409)
    assert database.count("lm_outbox") - before == ("resend" in actions)
    assert ("resend" in actions) == (status in ("pending", "confirmed") and not recent)
    assert "resend" not in owner.get(f"/subscribers/{ada}").json["actions"]


def test_two_owners_who_resend_at_once_send_one_mail(owner, ada, database, mailbox):
    database.rows(LONG_AGO)
    again = lambda _: Caller(owner.client.application.test_client(), owner.bearer).post(
        f"/subscribers/{ada}/resend"
    )
    with ThreadPoolExecutor(4) as pool:
        statuses = sorted(answer.status_code for answer in pool.map(again, range(6)))
    assert statuses == [200] + [409] * 5
    assert mailbox.deliver().kinds() == ["confirm", "download"]
    event = database.rows("SELECT type, gesture FROM lm_consent_events ORDER BY id DESC LIMIT 1")
    assert event == [{"type": "resend", "gesture": "operator"}]


def test_who_has_told_the_studio_is_unsubscribed_and_the_ledger_says_by_whom(owner, ada, database):
    for _ in range(2):
        assert owner.post(f"/subscribers/{ada}/unsubscribe").json == {"status": "done"}
    assert database.value("SELECT status FROM lm_subscribers") == "unsubscribed"
    events = database.rows("SELECT gesture FROM lm_consent_events WHERE type = 'unsubscribe'")
    assert events == [{"gesture": "operator"}]


@pytest.mark.parametrize("objects", [True, False])
def test_an_erasure_has_a_reason_and_leaves_nobody(client, owner, ada, database, objects):
    for body in ({}, {"reason": "because"}, {"reason": "test", "object": "true"}):
        assert problem(owner.delete(f"/subscribers/{ada}", body))[0] == 422
    body = {"reason": "person_asked", "object": objects}
    assert owner.delete(f"/subscribers/{ada}", body).status_code == 204
    assert problem(owner.delete(f"/subscribers/{ada}", body)) == (404, "subscriber_unknown")
    assert database.count("lm_subscribers") == database.count("lm_outbox") == 0
    assert database.value("SELECT erased_by FROM lm_erasures") == "operator"
    (entry,) = owner.get(f"/audit?subscriberId={ada}").json["items"]
    assert entry["detail"] == {"reason": "person_asked", "objected": objects}
    sign_up(client)
    assert database.count("lm_subscribers") == (0 if objects else 1)


def test_two_owners_who_erase_at_once_are_one_erasure(owner, ada, database):
    erase = lambda _: Caller(owner.client.application.test_client(), owner.bearer).delete(
        f"/subscribers/{ada}", {"reason": "test"}
    )
    with ThreadPoolExecutor(4) as pool:
        statuses = sorted(answer.status_code for answer in pool.map(erase, range(4)))
    assert statuses == [204, 404, 404, 404]
    assert database.value("SELECT count(*) FROM lm_audit WHERE action = 'subscribers:erase'") == 1


def test_owners_who_act_on_one_person_at_once_each_get_a_clear_answer(
    client, owner, database, services
):
    """One erases, two unsubscribe, one resends: whatever the order, each hears what it did."""
    other = new_key(database, services, role="owner")
    acts = [(each, "POST", "/unsubscribe") for each in (owner.bearer, other)]
    acts.append((other, "POST", "/resend"))
    for number in range(8):
        sign_up(client, f"p{number}@example.org")
        database.rows(LONG_AGO)
        whom = database.value("SELECT id::text FROM lm_subscribers")
        together = Barrier(4)

        def act(bearer, method, path, body, whom=whom, together=together):
            caller = Caller(client.application.test_client(), bearer)
            together.wait()
            return caller.open(method, f"/subscribers/{whom}{path}", json=body).status_code

        with ThreadPoolExecutor(4) as pool:
            erased = pool.submit(act, owner.bearer, "DELETE", "", {"reason": "person_asked"})
            others = [pool.submit(act, *each, {}) for each in acts]
        answers = [each.result() for each in others]
        assert erased.result() == 204
        assert set(answers) <= {200, 404, 409}
        assert database.count("lm_subscribers") == database.count("lm_outbox") == 0
        noted = database.value("SELECT count(*) FROM lm_audit WHERE subscriber_id = %s", whom)
        assert noted == 1 + answers.count(200)


def test_an_act_without_its_account_does_not_happen(owner, ada, database, log_lines):
    database.rows("ALTER TABLE lm_audit ADD CONSTRAINT full_disk CHECK (false) NOT VALID")
    with pytest.raises(AssertionError, match="internal_error"):
        owner.delete(f"/subscribers/{ada}", {"reason": "test"})
    with pytest.raises(AssertionError, match="internal_error"):
        owner.post(f"/subscribers/{ada}/unsubscribe")
    assert database.value("SELECT status FROM lm_subscribers") == "confirmed"
    assert not any("subscriber_erased" in line for line in log_lines())


def test_the_receipt_is_the_signed_proof(start, database, superuser, ada):
    services = start(RECEIPT_KEY=base64.b64encode(b"\1" * 32).decode())
    with admin_client(services) as other:
        owner = Caller(other, new_key(database, services, role="owner"))
        assert problem(owner.get(f"/subscribers/{ada}/receipt")) == (409, "receipt_too_early")
        seals.Sealer(services, settling_time=timedelta()).seal()
        answer = owner.get(f"/subscribers/{ada}/receipt")
        superuser.execute("UPDATE lm_consent_events SET gesture = 'one_click'")
        assert problem(owner.get(f"/subscribers/{ada}/receipt")) == (409, "receipt_refused")
        assert problem(owner.get(f"/subscribers/{NOBODY}/receipt"))[0] == 404
    key = receipts.public_key(answer.json["signature"]["public_key"])
    assert receipts.verify(answer.data, key)["record_header"]["pii_principal_id"] == ADA
    assert answer.json["receipt"]["pii_processing"] and answer.json["receipt"]["files_handed_out"]
    assert_exactly_as_documented(answer.json, "Receipt")


def test_without_a_signing_key_there_is_no_receipt(owner, ada):
    assert problem(owner.get(f"/subscribers/{ada}/receipt")) == (409, "receipt_key_missing")


NOBODY = [NOBODY, str(uuid.UUID(int=0)), "1", "x", "export", "../1", "%00"]


def test_somebody_who_is_not_there_is_a_404(owner, subtests):
    for nobody in NOBODY:
        with subtests.test(str(nobody)):
            for answer in (
                owner.get(f"/subscribers/{nobody}"),
                owner.delete(f"/subscribers/{nobody}", {"reason": "test"}),
                owner.post(f"/subscribers/{nobody}/unsubscribe"),
                owner.post(f"/subscribers/{nobody}/resend"),
            ):
                assert answer.status_code == 404, answer.data


def test_nobody_is_confirmed_by_hand(owner, ada):
    for method in ("PUT", "PATCH"):
        answer = owner.open(method, f"/subscribers/{ada}", json={"status": "confirmed"})
        assert problem(answer) == (405, "method_not_allowed")
    rules = {rule.rule for rule in admin_rules(owner.client.application)}
    assert not [rule for rule in rules if "confirm" in rule]
