"""Consumers of webhooks that are ill, and a person's way from signup to erasure as they hear it."""

from __future__ import annotations

import http.client
import itertools
import json
import re
import signal
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import closing
from typing import Any, NamedTuple

from standardwebhooks import Webhook

from leadmagnet.dev.processes import Child
from tests.faults import mortal_worker
from tests.faults.stage import Api, Stage
from tests.faults.visitors import sign_up
from tests.support.consumer import WELL, Consumer, Received
from tests.support.fake_ses import Raw
from tests.support.mailbox import link_token
from tests.support.settings import API
from tests.support.stack import end_gracefully
from tests.support.waiting import require, until

ILLNESSES: dict[str, Any] = {
    "500": Raw(b"HTTP/1.1 500 x\r\n\r\n"),
    "429": Raw(b"HTTP/1.1 429 x\r\nRetry-After: 60\r\n\r\n"),
    "302": Raw(b"HTTP/1.1 302 x\r\nLocation: /login\r\n\r\n"),
    "no HTTP": Raw(b"hello"),
    "reset": "reset",
    "hangs": "hang",
    "drips": Raw(b"HTTP/1.1 200 OK\r\nX-Drip: ", drip=0.1),
}
GONE = Raw(b"HTTP/1.1 410 x\r\n\r\n")
# Ends by our hand: a worker waits for them for longer than a step should take.
SLOW = ("hangs", "drips")


class Heard(NamedTuple):
    webhook_id: str
    kind: str
    subscriber: str
    at: str
    # Answered with 2xx.
    well: bool


class Listener:
    """Verifies every request with the official library, and writes down what it says."""

    def __init__(self, consumer: Consumer) -> None:
        self.illness: str | None = None
        self.heard: list[Heard] = []
        self.wrong = 0
        self.webhook: Webhook | None = None
        consumer.answer = self._answer

    def _answer(self, received: Received) -> Any:
        if len(received.body) < int(received.headers["content-length"]):
            # Its worker was killed between the head and the end of the body.
            return Raw(b"HTTP/1.1 400 x\r\n\r\n")
        try:
            assert self.webhook
            event = self.webhook.verify(received.body, received.headers)
            data = event["data"]
            self.heard.append(
                Heard(
                    received.headers["webhook-id"],
                    event["type"],
                    data.get("subscriberId", ""),
                    event["timestamp"],
                    self.illness is None,
                )
            )
        except Exception:
            self.wrong += 1
            return Raw(b"HTTP/1.1 400 x\r\n\r\n")
        return WELL if self.illness is None else (ILLNESSES | {"gone": GONE})[self.illness]

    def well(self) -> set[tuple[str, str]]:
        return {(each.kind, each.subscriber) for each in list(self.heard) if each.well}


class People:
    """Sign up, confirm, leave and are erased; what a consumer has to hear of it."""

    def __init__(self, stage: Stage, api: Api, count: int) -> None:
        self._stage = stage
        self._port = api.port
        self.ids: list[str] = []
        self.expected: set[tuple[str, str]] = set()
        self.erased: set[str] = set()
        self._addresses = [f"heard{number}@example.org" for number in range(count)]
        with closing(self._connection()) as connection:
            for address in self._addresses:
                require(sign_up(connection, address).status == 202, "a signup failed")
        worker = stage.worker()
        stage.deliver_all(seconds=60)
        end_gracefully(worker)
        rows = stage.rows("SELECT email, id FROM lm_subscribers")
        ids = {row["email"]: str(row["id"]) for row in rows}
        self.ids = [ids[address] for address in self._addresses]

    def _connection(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)

    def _post(self, path: str, body: object) -> None:
        with closing(self._connection()) as connection:
            headers = {"Content-Type": "application/json"}
            connection.request("POST", f"{API}/{path}", json.dumps(body), headers)
            answer = connection.getresponse()
            answer.read()
            require(answer.status == 200, f"{path}: {answer.status}")

    def confirm(self, number: int) -> None:
        self._post("confirm", {"token": self._token(number, "confirm")})
        self.expected.add(("subscriber.confirmed", self.ids[number]))

    def leave(self, number: int) -> None:
        self._post(f"unsubscribe/{self._token(number, 'unsubscribe')}", {})
        self.expected.add(("subscriber.unsubscribed", self.ids[number]))

    def erase(self, number: int) -> None:
        """Whatever waits becomes the erasure."""
        subscriber = self.ids[number]
        self._stage.operator("subscriber", "erase", subscriber, "--reason", "person")
        self.erased.add(subscriber)
        self.expected = {each for each in self.expected if each[1] != subscriber}
        self.expected.add(("subscriber.erased", subscriber))

    def _token(self, number: int, page: str) -> str:
        reply = self._stage.ses.ask("GET", f"/api/messages?to={self._addresses[number]}")
        return link_token(json.loads(reply.body)[0]["text"], page)


def added(stage: Stage, name: str, url: str, *options: str) -> str:
    """The secret, which the command shows once."""
    return stage.operator("webhooks", "add", name, url, *options).strip()


def allow(stage: Stage, consumers: Iterable[Consumer]) -> None:
    stage.configure(
        WEBHOOK_ALLOW_HOSTS=",".join(f"127.0.0.1:{each.port}" for each in consumers),
        WEBHOOK_KEY="w1-" + "v" * 40,
    )


def make_due(stage: Stage) -> None:
    """Every wait and lease is over. Only while no worker runs."""
    stage.rows("UPDATE lm_webhook_events SET due_at = now(), leased_until = NULL")
    stage.rows("UPDATE lm_webhook_endpoints SET resting_until = NULL")


def _await_death(victim: Child, what: str) -> None:
    until(lambda: victim.ended, seconds=60, what=f"death {what}")
    require(victim.process.returncode == -signal.SIGKILL, victim.death_notice())


def die_of(stage: Stage, api: Api, crm: Listener, illness: str, step: str) -> None:
    """A worker meets the ill consumer, and is killed at the step or, while it waits, by us."""
    crm.illness = illness
    if illness not in SLOW:
        _await_death(stage.mortal_worker(step, 1), f"{step} with {illness}")
    else:
        before, victim = len(crm.heard), stage.worker()
        until(lambda: len(crm.heard) > before, seconds=60, what=f"a consumer that {illness}")
        _mail_leaves(stage, api, f"{illness}@example.org")
        victim.signal(signal.SIGKILL)
        victim.process.wait()
    make_due(stage)


def _mail_leaves(stage: Stage, api: Api, address: str) -> None:
    """As if no consumer hung: sooner than a post to one may take."""
    with closing(http.client.HTTPConnection("127.0.0.1", api.port, timeout=60)) as connection:
        require(sign_up(connection, address).status == 202, "a signup failed")
    arrived = stage.ses.mails_per_address
    until(lambda: arrived()[address], seconds=60, what="a mail leaves while a consumer hangs")


def illnesses_met(
    stage: Stage, *, illnesses: Sequence[str], people: int, kills: int
) -> tuple[str, str]:
    """What was done, and the figures."""
    api = Api(stage)
    with Consumer() as first, Consumer() as second:
        crm, gone = Listener(first), Listener(second)
        allow(stage, (first, second))
        api.wait_until_ready()
        everybody = People(stage, api, people * (len(illnesses) + 1))
        crm.webhook = Webhook(added(stage, "crm", first.url, "--include", "email"))
        gone.webhook, gone.illness = Webhook(added(stage, "gone", second.url)), "gone"
        number = killed = 0
        steps = itertools.cycle(mortal_worker.FAILED_EVENT_STEPS)
        for illness in illnesses:
            batch = range(number, number + people)
            number += people
            for each in batch:
                everybody.confirm(each)
            for _ in range(1 if illness in SLOW else kills):
                die_of(stage, api, crm, illness, next(steps))
                killed += 1
            # One leaves, and one who was perhaps told of is erased, while the consumer is ill.
            everybody.leave(batch[0])
            everybody.erase(batch[-1])
        for each in range(number, number + people):
            everybody.confirm(each)
        crm.illness = None
        for step in mortal_worker.EVENT_STEPS[:kills]:
            _await_death(stage.mortal_worker(step, 1), step)
            make_due(stage)
            killed += 1
        worker = stage.worker()
        _delivered(stage, "crm")
        gone_for_us = "SELECT disabled_why = 'gone' FROM lm_webhook_endpoints WHERE name = 'gone'"
        until(lambda: stage.value(gone_for_us), seconds=60, what="410 disables")
        visible = _seen_waiting(stage, "gone")
        gone.illness = None
        stage.operator("webhooks", "enable", "gone")
        _delivered(stage, "gone")
        end_gracefully(worker)
        _heard(stage, "crm", crm, everybody.expected)
        # What came while it was disabled was not for it; an erasure is, of whom it may know.
        first_batch = {
            ("subscriber.confirmed", everybody.ids[0]),
            ("subscriber.erased", everybody.ids[people - 1]),
        }
        _heard(stage, "gone", gone, first_batch)
        require(visible > 0, "an endpoint that is gone shows nothing that waits")
    events = stage.value("SELECT count(*) FROM lm_webhook_events")
    repeated = Counter(each.webhook_id for each in crm.heard if each.well)
    twice = sum(1 for times in repeated.values() if times > 1)
    return (
        f"{killed} × SIGKILL around a consumer that is ill in {len(illnesses)} ways,"
        " another gone (410)",
        f"{events} events, all delivered, {visible} of them after an operator saw them waiting;"
        f" lost 0, signed wrongly 0; {len(crm.heard) + len(gone.heard)} requests,"
        f" {twice} events twice under the same id; {len(everybody.erased)} erasures told",
    )


def _delivered(stage: Stage, endpoint: str) -> None:
    waits = (
        "SELECT count(*) FROM lm_webhook_events v JOIN lm_webhook_endpoints e"
        " ON e.id = v.endpoint_id WHERE e.name = %s AND v.state <> 'delivered'"
    )
    what = f"all events are delivered to {endpoint}"
    until(lambda: stage.value(waits, endpoint) == 0, seconds=60, what=what)


def _seen_waiting(stage: Stage, endpoint: str) -> int:
    """How many events wait for a disabled endpoint, as the operator sees it."""
    return len(
        re.findall(
            r"\bqueued\b", stage.operator("webhooks", "deliveries", endpoint, "--limit", "1000")
        )
    )


def _heard(stage: Stage, endpoint: str, listener: Listener, expected: set[tuple[str, str]]) -> None:
    require(listener.wrong == 0, f"{listener.wrong} requests signed wrongly")
    missing = expected - listener.well()
    require(not missing, f"{len(missing)} events that {endpoint} never heard")
    delivered = {
        str(row["id"])
        for row in stage.rows(
            "SELECT v.id FROM lm_webhook_events v JOIN lm_webhook_endpoints e"
            " ON e.id = v.endpoint_id WHERE e.name = %s AND v.state = 'delivered'",
            endpoint,
        )
    }
    taken = {each.webhook_id for each in listener.heard if each.well}
    require(delivered <= taken, "marked as delivered, and the consumer never took it")
    said: dict[str, set[tuple[str, str]]] = {}
    for each in listener.heard:
        said.setdefault(each.webhook_id, set()).add((each.kind, each.subscriber))
    require(all(len(each) == 1 for each in said.values()), "one id, and two events")
