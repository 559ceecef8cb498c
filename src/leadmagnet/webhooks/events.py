"""Events for other systems: claimed with a lease, posted outside any transaction, then marked."""

from __future__ import annotations

import json
import logging
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, timedelta
from threading import Lock
from typing import Any, Protocol
from uuid import UUID

from leadmagnet.adapters.webhooks import Answer, Unreachable, sign
from leadmagnet.database import Database, Row, leases
from leadmagnet.services import Services
from leadmagnet.webhooks.endpoints import WebhookRefused, derived, require

log = logging.getLogger(__name__)

# Three times as long as a post may take.
LEASE = timedelta(minutes=1)
# After the first attempt, as the Standard Webhooks specification has it: about 75 hours in all.
SCHEDULE = (
    *(timedelta(seconds=5), timedelta(minutes=5), timedelta(minutes=30)),
    *(timedelta(hours=hours) for hours in (2, 5, 10, 14, 20, 24)),
)
MOST_ATTEMPTS = len(SCHEDULE) + 1
# Each pause is up to so much longer, so that what failed together does not come back together.
JITTER = 0.1
LONGEST_PAUSE = timedelta(days=1)
PATIENCE = timedelta(days=3)
THREADS = 4
STATES = ("queued", "delivered", "dead")


class Poster(Protocol):
    def post(self, url: str, headers: dict[str, str], body: bytes) -> Answer: ...


@dataclass(frozen=True)
class Delivery:
    """What telling an endpoint needs. `wait` returns true, and early, when the worker must stop."""

    database: Database
    key: bytes
    poster: Poster
    wait: Callable[[float], object]
    # They sign as well, for consumers that still verify with a secret derived from one of them.
    former_keys: tuple[bytes, ...] = ()
    # Of the mail about an endpoint that was disabled; none is written without an owner.
    owner_locale: str | None = None
    jitter: Callable[[], float] = random.random
    # Threads that claim at once would each count without the others' events.
    claiming: Lock = field(default_factory=Lock)


def claim(delivery: Delivery) -> Row | None:
    """The event that is to go next, ours for the length of the lease; None when none is due."""
    with delivery.claiming:
        return delivery.database.one("event_claim", lease=LEASE, in_hand=THREADS - 1)


def deliver(delivery: Delivery, row: Row) -> None:
    """Post a claimed event, and write down what became of it: at least once, under one id."""
    if row["attempts"] > MOST_ATTEMPTS:
        # Its last attempt ended the worker.
        _failed(delivery, row, "no_outcome")
        return
    versions = [row["secret_version"], *([row["secret_version"] - 1] * row["former_secret"])]
    keys = [
        derived(key, row["endpoint_id"], version)
        for version in versions
        for key in (delivery.key, *delivery.former_keys)
    ]
    body = rendered(row)
    headers = sign(keys, str(row["id"]), int(row["sent_at"].timestamp()), body)
    try:
        answer = delivery.poster.post(row["url"], headers, body)
    except Unreachable as error:
        _failed(delivery, row, error.word)
        return
    if 200 <= answer.status < 300:
        held = _mark(delivery, "event_delivered", row)["held"]
        _log("webhook_delivered" if held else "lease_lost", row)
    else:
        _failed(delivery, row, f"http_{answer.status}", answer)


def deliver_next(delivery: Delivery) -> bool:
    """Claim an event and deliver it; false when none is due."""
    row = claim(delivery)
    if row:
        deliver(delivery, row)
    return row is not None


def rendered(row: Row) -> bytes:
    """The event's body: the state of the subscriber now, the time when it happened."""
    kind, data = row["kind"], {}
    if kind != "ping":
        data["subscriberId"] = str(row["subscriber_id"])
    if kind not in ("ping", "subscriber.erased"):
        data |= {
            name: row[name] for name in ("status", "newsletter", "locale", "source", "magnets")
        }
        if kind == "file.handed_out":
            data["magnet"] = row["magnet"]
        if row["email"]:
            data["email"] = row["email"]
    # Always of the same form, so that consumers may compare them as text.
    timestamp = row["occurred_at"].astimezone(UTC).isoformat(timespec="microseconds")
    event = {"type": kind, "timestamp": timestamp, "data": data}
    return json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()


def page(
    services: Services,
    *,
    limit: int,
    endpoint: str | None = None,
    state: str | None = None,
    subscriber_id: UUID | None = None,
    erasures: bool = False,
    before: UUID | None = None,
) -> list[Row]:
    """The newest events first: ids and words, no addresses."""
    return services.database.all(
        "events_page",
        limit=limit,
        endpoint=endpoint,
        state=state,
        subscriber_id=subscriber_id,
        erasures=erasures,
        before=before,
    )


def replay(services: Services, *, event_id: UUID | None = None, endpoint: str | None = None) -> int:
    """Send one event again, or all that were given up for an endpoint; how many. Raises
    WebhookRefused for none."""
    row = services.database.one("events_replay", event_id=event_id, endpoint=endpoint)
    if row is None or not row["events"]:
        if endpoint:
            require(services, endpoint)
        raise WebhookRefused(
            "nothing to send again: `leadmagnet webhooks deliveries` lists the events and their"
            " ids",
            "event_unknown",
        )
    return int(row["events"])


def ping(services: Services, endpoint: str) -> UUID:
    """Queue a test event; its id. Raises WebhookRefused."""
    row = services.database.one("event_ping", endpoint=endpoint)
    if row is None:
        raise WebhookRefused(
            f"there is no endpoint {endpoint} that is enabled: `leadmagnet webhooks list` names all"
        )
    event_id: UUID = row["id"]
    return event_id


def _failed(delivery: Delivery, row: Row, reason: str, answer: Answer | None = None) -> None:
    last = row["attempts"] >= MOST_ATTEMPTS
    pause = answer.retry_after if answer else None
    mark = _mark(
        delivery,
        "event_failed",
        row,
        reason=reason,
        last=last,
        delay=_delay(row["attempts"], delivery.jitter()),
        pause=None if pause is None else min(timedelta(seconds=pause), LONGEST_PAUSE),
        gone=answer is not None and answer.status == 410,
        patience=PATIENCE,
        owner_locale=delivery.owner_locale,
    )
    if not mark["held"]:
        _log("lease_lost", row)
        return
    _log("webhook_dead" if last else "webhook_postponed", row, logging.WARNING, reason=reason)
    if mark["disabled_why"]:
        log.error(
            "webhook_disabled", extra={"endpoint": row["name"], "reason": mark["disabled_why"]}
        )


def _delay(attempts: int, jitter: float) -> timedelta:
    return SCHEDULE[min(attempts, len(SCHEDULE)) - 1] * (1 + JITTER * jitter)


def _mark(delivery: Delivery, query: str, row: Row, **parameters: Any) -> Row:
    parameters |= {"id": row["id"], "claims": row["claims"]}
    marked = leases.mark(delivery.database, query, lease=LEASE, wait=delivery.wait, **parameters)
    assert marked is not None  # noqa: S101 - a SELECT of expressions always gives a row
    return marked


def _log(event: str, row: Row, level: int = logging.INFO, **extra: str) -> None:
    about = {"event_id": str(row["id"]), "kind": row["kind"], "endpoint": row["name"]}
    log.log(level, event, extra=about | extra)
