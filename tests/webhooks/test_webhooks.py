"""Who else is told of what happens, and that they hear of an erasure, too."""

from __future__ import annotations

import json
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from functools import partial
from uuid import UUID

import pytest
from click.testing import CliRunner
from standardwebhooks import Webhook

from leadmagnet.adapters.ses import Mailer
from leadmagnet.adapters.webhooks import Answer, Poster, Unreachable
from leadmagnet.commands import main
from leadmagnet.errors import Unavailable
from leadmagnet.mail import send_limiter, ses_events
from leadmagnet.mail.ses_events import Event
from leadmagnet.rights import erasures, retention
from leadmagnet.webhooks import endpoints, events
from leadmagnet.webhooks.endpoints import KINDS
from leadmagnet.worker import Worker
from tests.support import consumer as tests_consumer
from tests.support.client import confirm, sign_up
from tests.support.schemas import assert_valid, contract
from tests.support.services import NO_FILES
from tests.support.settings import ADA, API, DELIVERY, NEWSLETTER, SETTINGS
from tests.support.waiting import until

KEY = "w1-" + "k" * 40
WELL = Answer(204)


class Consumer:
    """Stands at the edge of the network: answers as told, and keeps what came."""

    def __init__(self):
        self.answers = [WELL]
        self.posts = []

    def post(self, url, headers, body):
        self.posts.append((url, headers, body))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    @property
    def told(self):
        return [json.loads(body) for _, _, body in self.posts]

    @property
    def kinds(self):
        return [event["type"] for event in self.told]


@pytest.fixture
def services(start):
    return start(WEBHOOK_KEY=KEY, WEBHOOK_ALLOW_HOSTS="n8n.studio:5678")


@pytest.fixture
def consumer():
    return Consumer()


@pytest.fixture
def add(services):
    def add(name="crm", kinds=endpoints.KINDS, *, include_email=False):
        url = f"http://n8n.studio:5678/{name}"
        return endpoints.add(
            services, name=name, url=url, kinds=kinds, include_email=include_email
        ).text

    return add


@pytest.fixture
def deliver(services, consumer, database):
    """All that is queued, whenever it is due."""

    def deliver():
        database.rows("UPDATE lm_webhook_events SET due_at = now() WHERE state = 'queued'")
        delivery = events.Delivery(
            services.database,
            services.config.webhook_key,
            consumer,
            lambda seconds: None,
            owner_locale="fr",
        )
        while events.deliver_next(delivery):
            pass
        return consumer

    return deliver


@pytest.fixture
def ada(client, mailbox):
    """Signs Ada up and confirms; the mailbox, for her other links."""
    sign_up(client, consents=[DELIVERY, NEWSLETTER], source="instagram")
    assert confirm(client, mailbox.deliver().token()).status_code == 200
    return mailbox


def rows(database):
    return database.rows("SELECT kind, state, attempts, reason FROM lm_webhook_events ORDER BY id")


def test_a_confirmation_is_told_by_ids_without_the_address(add, client, ada_later, deliver):
    add()
    subscriber_id = ada_later()
    told = {event["type"]: event for event in deliver().told}
    assert set(told) == {
        "subscriber.confirmed", "subscriber.newsletter_changed", "file.handed_out",
    }  # fmt: skip
    person = {
        "subscriberId": subscriber_id,
        "status": "confirmed",
        "newsletter": True,
        "locale": "fr",
        "source": "instagram",
        "magnets": ["guide-mariee-sereine"],
    }
    assert told["subscriber.confirmed"]["data"] == person
    assert told["file.handed_out"]["data"] == person | {"magnet": "guide-mariee-sereine"}


def test_timestamps_compare_as_text(add, ada_later, deliver, database):
    add(kinds=["subscriber.confirmed"])
    ada_later()
    database.rows("UPDATE lm_webhook_events SET occurred_at = '2026-11-28 10:00:00+02'")
    assert deliver().told[0]["timestamp"] == "2026-11-28T08:00:00.000000+00:00"


@pytest.fixture
def ada_later(client, mailbox, database):
    def sign_up_and_confirm():
        sign_up(client, consents=[DELIVERY, NEWSLETTER], source="instagram")
        assert confirm(client, mailbox.deliver().token()).status_code == 200
        return str(database.value("SELECT id FROM lm_subscribers"))

    return sign_up_and_confirm


def test_the_address_goes_only_to_whom_it_was_promised(add, ada_later, deliver, database):
    add("crm")
    add("mailing-tool", include_email=True)
    ada_later()
    assert deliver().posts
    for url, _, body in deliver().posts:
        assert (ADA.encode() in body) == url.endswith("mailing-tool")
    told = database.rows(
        "SELECT e.name, r.address FROM lm_webhook_recipients r"
        " JOIN lm_webhook_endpoints e ON e.id = r.endpoint_id ORDER BY e.name"
    )
    assert told == [
        {"name": "crm", "address": False},
        {"name": "mailing-tool", "address": True},
    ]


def test_nothing_is_written_where_nobody_listens(ada_later, database):
    ada_later()
    assert database.count("lm_webhook_events") == 0


def test_an_endpoint_hears_of_the_kinds_that_it_asked_for(add, ada_later, deliver):
    add(kinds=["file.handed_out"])
    ada_later()
    assert deliver().kinds == ["file.handed_out"]


def test_whoever_never_confirmed_stays_unknown(add, client, mailbox, database):
    add()
    sign_up(client)
    client.post(f"{API}/unsubscribe/{mailbox.deliver().unsubscribe_token()}", json={})
    assert database.value("SELECT status FROM lm_subscribers") == "unsubscribed"
    assert database.count("lm_webhook_events") == 0


def test_leaving_the_newsletter_and_then_all_mail_is_told(add, client, ada, deliver):
    add()
    link = f"{API}/unsubscribe/{ada.unsubscribe_token()}"
    client.post(link, json={"purpose": "newsletter"})
    client.post(link, json={})
    client.post(link, json={})
    assert deliver().kinds == ["subscriber.newsletter_changed", "subscriber.unsubscribed"]


@pytest.mark.parametrize("status", ["bounced", "complained"])
def test_what_ses_reports_is_told(add, ada, services, deliver, database, status):
    add(kinds=[f"subscriber.{status}"])
    mail = database.value("SELECT id FROM lm_outbox")
    event = Event("Bounce", status=status, outbox_id=mail, recipients=(ADA,))
    ses_events.record(services, "sns-1", event)
    assert deliver().kinds == [f"subscriber.{status}"]


def test_a_file_that_could_not_be_signed_was_not_handed_out(add, ada, client, database):
    add(kinds=["file.handed_out"])
    token = ada.token()
    confirm(client, token)
    assert [row["kind"] for row in rows(database)] == ["file.handed_out"]
    database.rows("UPDATE lm_magnets SET file_missing_since = now()")
    confirm(client, token)
    assert [row["kind"] for row in rows(database)] == ["file.handed_out"]


def test_the_official_library_verifies_each_attempt_under_one_id(add, ada_later, deliver, consumer):
    secret = add(kinds=["subscriber.confirmed"])
    ada_later()
    consumer.answers = [Answer(500), Unreachable("timeout"), WELL]
    deliver(), deliver(), deliver()
    assert len(consumer.posts) == 3
    assert len({headers["webhook-id"] for _, headers, _ in consumer.posts}) == 1
    for _, headers, body in consumer.posts:
        assert Webhook(secret).verify(body.decode(), headers)["type"] == "subscriber.confirmed"


def test_during_a_rotation_both_secrets_verify_and_then_the_new_one_alone(
    add, ada_later, services, deliver, consumer, database
):
    former = add(kinds=["subscriber.confirmed"])
    ada_later()
    new = endpoints.rotate(services, "crm").text
    assert new != former
    consumer.answers = [Answer(500), WELL]
    _, headers, body = deliver().posts[-1]
    for secret in (former, new):
        Webhook(secret).verify(body.decode(), headers)
    database.rows("UPDATE lm_webhook_endpoints SET former_until = now()")
    _, headers, body = deliver().posts[-1]
    Webhook(new).verify(body.decode(), headers)
    assert len(headers["webhook-signature"].split()) == 1


def test_no_secret_is_at_rest(add, database):
    secret = add()
    found = database.rows("SELECT e::text AS row FROM lm_webhook_endpoints e")
    assert secret.removeprefix("whsec_") not in str(found)


def test_only_2xx_is_success_and_a_failure_waits_as_the_specification_says(
    add, ada_later, deliver, consumer, database
):
    add(kinds=["subscriber.confirmed"])
    ada_later()
    consumer.answers = [Answer(302)]
    waits = []
    while rows(database)[0]["state"] == "queued":
        deliver()
        waits.append(
            database.value(
                "SELECT extract(epoch FROM due_at - now())::float8 FROM lm_webhook_events"
            )
        )
    assert len(consumer.posts) == events.MOST_ATTEMPTS == 10
    for wait, planned in zip(waits, events.SCHEDULE, strict=False):
        assert planned.total_seconds() - 5 < wait < planned.total_seconds() * 1.1 + 1
    assert sum(events.SCHEDULE, timedelta()) == timedelta(hours=75, minutes=35, seconds=5)
    assert rows(database)[0] | {"kind": ""} == {
        "kind": "", "state": "dead", "attempts": 10, "reason": "http_302",
    }  # fmt: skip


def test_retry_after_is_kept_for_all_events_of_the_endpoint(
    add, ada_later, deliver, consumer, database
):
    add()
    ada_later()
    consumer.answers = [Answer(429, 3600.0), WELL]
    deliver(), deliver()
    assert len(consumer.posts) == 1
    database.rows("UPDATE lm_webhook_endpoints SET resting_until = now()")
    assert len(deliver().posts) == 4


@pytest.mark.parametrize("other", [Answer(500), WELL])
def test_retry_after_is_kept_whatever_becomes_of_another_event_in_hand(
    add, ada_later, services, consumer, database, other
):
    add()
    ada_later()
    key = services.config.webhook_key
    delivery = events.Delivery(services.database, key, consumer, lambda seconds: None)
    in_hand = [events.claim(delivery), events.claim(delivery)]
    assert all(in_hand), "both are in hand at once"
    consumer.answers = [Answer(429, 3600.0), other]
    for row in in_hand:
        events.deliver(delivery, row)
    resting = "SELECT resting_until - now() > interval '59 minutes' FROM lm_webhook_endpoints"
    assert database.value(resting)


def test_a_copied_database_tells_nobody_until_it_is_told_to(
    add, ada_later, services, deliver, database
):
    add()
    ada_later()
    send_limiter.recognise_database(services)
    # As in a restored dump: the row remembers another server.
    database.rows("UPDATE lm_send_limiter SET database_id = '1/1'")
    send_limiter.recognise_database(services)
    assert deliver().posts == []
    send_limiter.resume(services)
    assert deliver().posts != []


def test_an_endpoint_that_is_gone_is_disabled_and_its_events_wait(
    add, ada_later, services, deliver, consumer, log_lines, database
):
    add()
    ada_later()
    consumer.answers = [Answer(410), WELL]
    deliver(), deliver()
    assert len(consumer.posts) == 1
    (endpoint,) = endpoints.listed(services)
    assert (endpoint["disabled_why"], endpoint["queued"]) == ("gone", 3)
    assert any("webhook_disabled" in line for line in log_lines())
    # The path of such a URL is often a secret itself.
    assert "n8n.studio" not in "".join(log_lines())
    assert database.value("SELECT count(*) FROM lm_outbox WHERE kind = 'webhook'") == 1
    endpoints.enable(services, "crm")
    assert len(deliver().posts) == 4


def test_what_a_worker_has_in_hand_is_not_posted_again_when_its_endpoint_is_enabled(
    add, ada_later, services, consumer, database
):
    add(kinds=["subscriber.confirmed"])
    ada_later()
    key = services.config.webhook_key
    delivery = events.Delivery(services.database, key, consumer, lambda seconds: None)
    in_hand = events.claim(delivery)
    endpoints.disable(services, "crm")
    endpoints.enable(services, "crm")
    assert events.claim(delivery) is None
    events.deliver(delivery, in_hand)
    assert [row["state"] for row in rows(database)] == ["delivered"]


def test_a_former_key_of_ours_signs_as_well(add, ada_later, services, consumer):
    former = add(kinds=["subscriber.confirmed"])
    ada_later()
    new = replace(services.config, webhook_key=b"n" * 32)
    rotated = endpoints.rotate(replace(services, config=new), "crm").text
    delivery = events.Delivery(
        services.database, b"n" * 32, consumer, lambda seconds: None, (KEY.encode(),)
    )
    assert events.deliver_next(delivery)
    ((_, headers, body),) = consumer.posts
    for secret in (former, rotated):
        Webhook(secret).verify(body.decode(), headers)


def test_failing_for_three_days_disables_an_endpoint(add, ada_later, deliver, consumer, database):
    add(kinds=["subscriber.confirmed"])
    ada_later()
    consumer.answers = [Answer(500)]
    deliver()
    for hours, why in ((71, None), (73, "failing")):
        database.rows(
            f"UPDATE lm_webhook_endpoints SET failing_since = now() - interval '{hours} hours'"
        )
        deliver()
        assert database.value("SELECT disabled_why FROM lm_webhook_endpoints") == why


def test_a_success_forgives_what_failed_before(add, ada_later, deliver, consumer, database):
    add(kinds=["subscriber.confirmed"])
    ada_later()
    consumer.answers = [Answer(500), WELL]
    deliver(), deliver()
    assert database.value("SELECT failing_since IS NULL FROM lm_webhook_endpoints")


def test_a_worker_that_comes_back_after_its_lease_marks_nothing(
    add, ada_later, services, consumer, database, deliver
):
    add(kinds=["subscriber.confirmed"])
    ada_later()
    key = services.config.webhook_key
    delivery = events.Delivery(services.database, key, consumer, lambda seconds: None)
    late = events.claim(delivery)
    assert events.claim(delivery) is None
    database.rows("UPDATE lm_webhook_events SET leased_until = now()")
    consumer.answers = [Answer(500)]
    deliver()
    consumer.answers = [WELL]
    events.deliver(delivery, late)
    assert [row["state"] for row in rows(database)] == ["queued"]


def test_a_consumer_that_hangs_leaves_a_turn_to_the_others(add, services, database, consumer):
    add("tarpit")
    for _ in range(6):
        events.ping(services, "tarpit")
    add("well")
    events.ping(services, "well")
    key = services.config.webhook_key
    delivery = events.Delivery(services.database, key, consumer, lambda seconds: None)
    names = [row["name"] for row in iter(lambda: events.claim(delivery), None)]
    assert names.count("tarpit") == events.THREADS - 1
    assert names.count("well") == 1
    database.rows("UPDATE lm_webhook_events SET leased_until = NULL, due_at = now()")
    database.rows("UPDATE lm_webhook_endpoints SET failing_since = now() WHERE name = 'tarpit'")
    names = [row["name"] for row in iter(lambda: events.claim(delivery), None)]
    assert names == ["well", "tarpit"]


def test_threads_that_claim_at_once_leave_a_turn_to_the_others_too(
    add, services, database, consumer
):
    add("tarpit")
    for _ in range(events.THREADS):
        events.ping(services, "tarpit")
    key = services.config.webhook_key
    delivery = events.Delivery(services.database, key, consumer, lambda seconds: None)
    with ThreadPoolExecutor(events.THREADS) as threads:
        for _ in range(100):
            claimed = list(threads.map(lambda _: events.claim(delivery), range(events.THREADS)))
            assert claimed.count(None) == 1
            database.rows("UPDATE lm_webhook_events SET leased_until = NULL, due_at = now()")


def test_whoever_was_told_of_a_person_is_told_of_the_erasure(
    add, ada_later, services, deliver, consumer, database
):
    add("told", ["subscriber.confirmed"])
    add("never-told", ["subscriber.bounced"])
    subscriber_id = ada_later()
    deliver()
    assert erasures.erase(services, subscriber_id, by="person")
    consumer.posts.clear()
    ((url, _, body),) = deliver().posts
    assert url.endswith("/told")
    assert json.loads(body)["type"] == "subscriber.erased"
    assert json.loads(body)["data"] == {"subscriberId": subscriber_id}
    assert database.count("lm_webhook_recipients") == 0
    assert [(row["kind"], row["state"]) for row in rows(database)] == [
        ("subscriber.erased", "delivered")
    ]


def test_what_still_waits_becomes_the_erasure_under_a_new_id(
    add, ada_later, services, deliver, consumer, database
):
    add(kinds=["subscriber.confirmed"])
    subscriber_id = ada_later()
    consumer.answers = [Unreachable("timeout"), WELL]
    deliver()
    (first,) = database.rows("SELECT id FROM lm_webhook_events")
    erasures.erase(services, subscriber_id, by="person")
    ((_, headers, _),) = deliver().posts[1:]
    assert consumer.kinds == ["subscriber.confirmed", "subscriber.erased"]
    assert headers["webhook-id"] != str(first["id"])


def test_an_endpoint_that_never_heard_of_the_person_hears_only_of_the_erasure(
    add, ada_later, services, deliver, told
):
    add(kinds=["subscriber.confirmed"], include_email=True)
    subscriber_id = ada_later()
    erasures.erase(services, subscriber_id, by="person")
    assert [event["data"] for event in deliver().told] == [{"subscriberId": subscriber_id}]
    assert told() == {"crm": (False, "acknowledged")}


@pytest.mark.parametrize("include_email", [False, True])
def test_what_is_told_is_what_the_contract_says_and_no_more(
    add, ada_later, services, deliver, database, include_email
):
    add(include_email=include_email)
    subscriber_id = ada_later()
    database.rows("DELETE FROM lm_webhook_events")
    database.rows(
        "INSERT INTO lm_webhook_events (endpoint_id, kind, subscriber_id, magnet_id)"
        " SELECT e.id, kind, s.id, CASE kind WHEN 'file.handed_out' THEN m.id END"
        " FROM unnest(%s::text[]) AS kind, lm_webhook_endpoints e, lm_subscribers s, lm_magnets m"
        " WHERE m.slug = 'guide-mariee-sereine'",
        list(KINDS),
    )
    events.ping(services, "crm")
    deliver()
    erasures.erase(services, subscriber_id, by="person")
    document = contract()
    assert set(deliver().kinds) == set(document["webhooks"])
    for event in deliver().told:
        body = document["webhooks"][event["type"]]["post"]["requestBody"]["content"]
        schema = body["application/json"]["schema"]
        data = {"allOf": [schema["properties"]["data"]], "unevaluatedProperties": False}
        for value, rules in ((event, schema), (event["data"], data)):
            assert_valid(value, {**rules, "components": document["components"]})


def test_whoever_is_told_while_the_person_is_erased_is_told_of_that_as_well(
    add, ada_later, services, deliver, consumer, database, log_lines
):
    add(kinds=["subscriber.confirmed"])
    subscriber_id = ada_later()
    post = consumer.post

    def post_and_erase(*args):
        erasures.erase(services, subscriber_id, by="person")
        return post(*args)

    consumer.post = post_and_erase
    assert deliver().kinds == ["subscriber.confirmed", "subscriber.erased"]
    assert [(row["kind"], row["state"]) for row in rows(database)] == [
        ("subscriber.erased", "delivered")
    ]
    assert sum("lease_lost" in line for line in log_lines()) == 1


@pytest.mark.parametrize("answer", [WELL, Answer(500)])
def test_while_the_database_is_away_a_delivery_is_marked_again_until_the_lease_is_over(
    add, ada_later, services, consumer, database, monkeypatch, answer
):
    add(kinds=["subscriber.confirmed"])
    ada_later()
    consumer.answers = [answer]
    one, waits = services.database.one, []

    def away(name, **parameters):
        if name.startswith(("event_delivered", "event_failed")) and len(waits) < 3:
            raise Unavailable
        return one(name, **parameters)

    monkeypatch.setattr(services.database, "one", away)
    delivery = events.Delivery(
        services.database, services.config.webhook_key, consumer, waits.append
    )
    assert events.deliver_next(delivery)
    assert len(waits) == 3
    assert rows(database)[0]["reason"] == (None if answer is WELL else "http_500")
    assert len(consumer.posts) == 1


def test_an_erasure_waits_for_an_endpoint_that_is_disabled(
    add, ada_later, services, deliver, consumer
):
    add(kinds=["subscriber.confirmed"])
    subscriber_id = ada_later()
    deliver()
    endpoints.disable(services, "crm")
    erasures.erase(services, subscriber_id, by="person")
    assert deliver().kinds == ["subscriber.confirmed"]
    endpoints.enable(services, "crm")
    assert deliver().kinds == ["subscriber.confirmed", "subscriber.erased"]


def test_an_erasure_that_is_under_way_wins(add, ada_later, services, consumer, database):
    add(kinds=["subscriber.confirmed"])
    ada_later()
    key = services.config.webhook_key
    delivery = events.Delivery(services.database, key, consumer, lambda seconds: None)
    with database.owner.transaction():
        database.rows("DELETE FROM lm_webhook_recipients")
        database.rows("SELECT FROM lm_subscribers FOR UPDATE")
        assert events.claim(delivery) is None


def old(services, database):
    database.rows("UPDATE lm_webhook_events SET occurred_at = now() - interval '31 days'")
    list(retention.purge(services))


def test_events_go_after_thirty_days_but_erasures_that_were_not_acknowledged(
    add, ada_later, services, deliver, database
):
    add("crm", kinds=["subscriber.confirmed"])
    add("off", kinds=["subscriber.confirmed"])
    subscriber_id = ada_later()
    deliver()
    endpoints.disable(services, "off")
    erasures.erase(services, subscriber_id, by="person")
    events.ping(services, "crm")
    deliver()
    old(services, database)
    assert [(row["kind"], row["state"]) for row in rows(database)] == [
        ("subscriber.erased", "queued")
    ]


@pytest.fixture
def told(run_any, services):
    """What the record of the latest erasure says of an endpoint; by the command, and by a page."""

    def told():
        (listed,) = json.loads(run_any("erasures", "list", "--json").stdout)
        (paged,) = erasures.page(services, limit=1)
        assert paged["told"] == listed["told"]
        return {each["endpoint"]: (each["address"], each["state"]) for each in listed["told"]}

    return told


def test_the_record_of_an_erasure_says_who_acknowledged_it_and_outlives_the_events(
    add, ada_later, services, deliver, consumer, database, told, run_any
):
    add("crm", ["subscriber.confirmed"], include_email=True)
    add("ids", ["subscriber.confirmed"])
    add("off", ["subscriber.confirmed"], include_email=True)
    add("never-told", ["subscriber.bounced"])
    subscriber_id = ada_later()
    deliver()
    endpoints.disable(services, "off")
    assert erasures.erase(services, subscriber_id, by="person")
    assert told() == {"crm": (True, "waiting"), "ids": (False, "waiting"), "off": (True, "waiting")}
    consumer.answers = [WELL, Answer(500)]
    while deliver() and "dead" not in [row["state"] for row in rows(database)]:
        pass
    states = [told()[name][1] for name in ("crm", "ids", "off")]
    assert sorted(states) == ["acknowledged", "given_up", "waiting"]
    assert states[2] == "waiting"
    assert run_any("erasures", "list").stdout.splitlines()[1:] == [
        f"{subscriber_id}  # told 3: 1 acknowledged, 1 given up, 1 waiting"
    ]
    old(services, database)
    assert [told()[name][1] for name in ("crm", "ids", "off")] == states
    kept = database.rows("SELECT n::text AS row FROM lm_erasure_notices n")
    assert ADA not in str(kept)
    # What was given up is sent again; once acknowledged, it stays so, whatever is sent again.
    consumer.answers = [WELL]
    (given_up,) = [name for name, (_, state) in told().items() if state == "given_up"]
    events.replay(services, endpoint=given_up)
    endpoints.enable(services, "off")
    deliver()
    acknowledged = {state for _, state in told().values()}
    assert acknowledged == {"acknowledged"}
    (event_id,) = {row["id"] for row in events.page(services, limit=1)}
    events.replay(services, event_id=event_id)
    assert {state for _, state in told().values()} == {"acknowledged"}


TOLD = ("lm_subscribers", "lm_webhook_recipients")


def test_whoever_was_told_is_told_again_when_a_backup_brings_the_person_back(
    add, ada_later, services, deliver, database, superuser, told, run_any
):
    add(kinds=["subscriber.confirmed"])
    subscriber_id = ada_later()
    deliver()
    for table in TOLD:
        superuser.execute(f"CREATE TABLE backup_{table} AS SELECT * FROM {table}")
    erasures.erase(services, subscriber_id, by="person")
    deliver()
    assert told() == {"crm": (False, "acknowledged")}
    for table in TOLD:
        superuser.execute(f"INSERT INTO {table} SELECT * FROM backup_{table}")
    assert run_any("erasures", "reapply").stdout == "1 erased again\n"
    assert told() == {"crm": (False, "waiting")}
    assert deliver().kinds[1:] == ["subscriber.erased"] * 2
    assert told() == {"crm": (False, "acknowledged")}


def test_the_list_of_erasures_with_who_was_told_is_one_that_reapply_reads(
    add, ada_later, services, deliver, run_any
):
    add(kinds=["subscriber.confirmed"])
    subscriber_id = ada_later()
    deliver()
    erasures.erase(services, subscriber_id, by="person", address_hash=b"a" * 32)
    listed = run_any("erasures", "list").stdout
    assert "# told 1: 1 waiting" in listed
    assert erasures.Tombstone.parse(listed.splitlines()[1]) == (UUID(subscriber_id), b"a" * 32)
    assert run_any("erasures", "reapply", "-", stdin=listed).stdout == "0 erased again\n"


def test_a_consumer_that_hangs_delays_no_mail_and_no_file(start, client, mailbox, monkeypatch):
    # None of them ends before the file is there.
    monkeypatch.setattr("leadmagnet.worker.Poster", partial(Poster, seconds=600))

    with tests_consumer.Consumer() as tarpit:
        tarpit.answer = "hang"
        host = f"127.0.0.1:{tarpit.port}"
        services = replace(start(WEBHOOK_KEY=KEY, WEBHOOK_ALLOW_HOSTS=host), files=NO_FILES)
        endpoints.add(services, name="tarpit", url=tarpit.url, kinds=KINDS, include_email=False)
        worker = Worker(services, Mailer())
        thread = threading.Thread(target=worker.run)
        thread.start()
        try:
            for _ in range(events.THREADS):
                events.ping(services, "tarpit")
            until(lambda: len(tarpit.received) == events.THREADS - 1, seconds=60, what="all hang")
            sign_up(client)
            until(lambda: mailbox.kinds(ADA) == ["confirm"], seconds=60, what="the mail")
            assert confirm(client, mailbox.token(ADA)).status_code == 200
        finally:
            tarpit.released.set()
            worker.stop()
            thread.join(60)
        assert not thread.is_alive()


def test_a_consumer_follows_a_person_from_signup_to_erasure(
    add, client, mailbox, services, deliver, consumer
):
    """With the official library alone; in the end nothing about her is left there."""
    secret = add(include_email=True)
    people, seen = {}, set()

    def consume():
        for _, headers, body in consumer.posts:
            event = Webhook(secret).verify(body.decode(), headers)
            if headers["webhook-id"] in seen or event["type"] == "ping":
                continue
            seen.add(headers["webhook-id"])
            if event["type"] == "subscriber.erased":
                people.pop(event["data"]["subscriberId"], None)
            else:
                people[event["data"]["subscriberId"]] = event["data"]
        consumer.posts.clear()
        return [
            (person["email"], person["status"], person["newsletter"]) for person in people.values()
        ]

    sign_up(client, consents=[DELIVERY, NEWSLETTER])
    deliver()
    assert consume() == []
    confirm(client, mailbox.deliver().token())
    deliver()
    assert consume() == [(ADA, "confirmed", True)]
    client.post(f"{API}/unsubscribe/{mailbox.unsubscribe_token()}", json={})
    deliver()
    assert consume() == [(ADA, "unsubscribed", False)]
    client.post(f"{API}/privacy/request", json={"email": ADA})
    token = mailbox.deliver().privacy_token()
    assert client.post(f"{API}/privacy/erase", json={"token": token}).status_code == 200
    deliver()
    assert consume() == []
    assert len(seen) > 3


@pytest.fixture
def run(run_any):
    return lambda *args: run_any("webhooks", *args)


@pytest.fixture
def run_any(database, monkeypatch):
    settings = {"DATABASE_URL": database.url, "WEBHOOK_KEY": KEY, "WEBHOOK_ALLOW_HOSTS": "n8n:5678"}
    for name, value in (SETTINGS | settings).items():
        monkeypatch.setenv(name, value)
    return lambda *args, stdin=None: CliRunner().invoke(main, args, input=stdin)


def test_an_operator_adds_tries_rotates_and_disables_an_endpoint(run, deliver, database):
    assert run("list").stdout == "no endpoints yet\n"
    added = run("add", "crm", "http://n8n:5678/hook", "--include", "email")
    assert added.exit_code == 0, added.output
    secret = added.stdout.strip()
    assert re.fullmatch("whsec_[A-Za-z0-9+/]{43}=", secret)
    assert run("ping", "crm").exit_code == 0
    _, headers, body = deliver().posts[-1]
    assert Webhook(secret).verify(body.decode(), headers)["type"] == "ping"
    listed = run("deliveries", "crm").stdout
    assert "ping" in listed and "delivered" in listed
    (event_id,) = re.findall(r"^([0-9a-f-]{36})", listed, re.M)
    assert run("replay", event_id).stdout == "1 event is due again\n"
    assert run("rotate", "crm").stdout.strip() not in ("", secret)
    assert run("disable", "crm").stdout == "crm is disabled\n"
    assert "disabled (operator)" in run("list").stdout
    assert json.loads(run("list", "--json").stdout)[0]["include_email"] is True
    (delivery,) = json.loads(run("deliveries", "crm", "--json").stdout)
    assert (delivery["id"], delivery["kind"], delivery["state"]) == (event_id, "ping", "queued")
    assert run("enable", "crm").stdout == "crm is enabled\n"
    noted = database.rows("SELECT actor, action, detail FROM lm_audit ORDER BY id")
    acts = [row["detail"]["act"] for row in noted]
    assert acts == ["add", "ping", "replay", "rotate", "disable", "enable"]
    assert noted[0]["detail"] == {"act": "add", "endpoint": "crm", "includeEmail": True}
    assert {(row["actor"], row["action"]) for row in noted} == {("operator", "webhooks:manage")}


def test_the_deliveries_can_be_about_one_person_and_the_dead_are_sent_again_together(
    run, add, client, mailbox, deliver, consumer, database
):
    add("crm", ["subscriber.confirmed"])
    people = {ADA: "", "bea@example.org": ""}
    for email in people:
        sign_up(client, email)
        confirm(client, mailbox.deliver().token(email))
        people[email] = str(database.value("SELECT id FROM lm_subscribers WHERE email = %s", email))
        deliver()
    about = json.loads(run("deliveries", "--subscriber", people[ADA], "--json").stdout)
    assert [row["subscriber_id"] for row in about] == [people[ADA]]
    database.rows("UPDATE lm_webhook_events SET state = 'dead' WHERE kind = 'subscriber.confirmed'")
    assert run("replay", "--dead", "crm").stdout == "2 events are due again\n"
    assert consumer.kinds == deliver().kinds[:2]
    assert database.value("SELECT detail FROM lm_audit") == {"act": "replay", "endpoint": "crm"}


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        (("add", "crm", "ftp://x.example/"), "looks like https://host/path"),
        (("add", "crm", "http://192.168.1.5/"), "https://"),
        (("add", "CRM", "https://x.example/"), "must be like crm"),
        (("enable", "crm-2"), "no endpoint"),
        (("ping", "nobody"), "no endpoint nobody that is enabled"),
        (("rotate", "nobody"), "no endpoint nobody"),
        (("disable", "nobody"), "no endpoint nobody that is enabled"),
        (("enable", "nobody"), "no endpoint nobody that is disabled"),
        (("replay",), "give the id of an event"),
        (("replay", "9b2f6c1e-3f0a-4d58-9a53-5b6c7d8e9f01"), "nothing to send again"),
        (("replay", "--dead", "nobody"), "no endpoint nobody"),
    ],
)
def test_an_operators_mistake_gets_one_sentence(run, args, sentence, database):
    answer = run(*args)
    assert answer.exit_code != 0
    assert sentence in answer.output
    assert "Traceback" not in answer.output
    assert database.value("SELECT count(*) FROM lm_audit") == 0


def test_a_name_is_taken_once_and_needs_a_key(run, monkeypatch):
    assert run("add", "crm", "http://n8n:5678/hook").exit_code == 0
    assert "there is an endpoint crm already" in run("add", "crm", "http://n8n:5678/x").stderr
    monkeypatch.delenv("WEBHOOK_KEY")
    assert "set WEBHOOK_KEY" in run("add", "n8n", "http://n8n:5678/x").stderr
