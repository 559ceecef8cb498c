"""Seals the consent ledger: a chain of keyed digests that shows what was changed behind our back.

`digest` is SHA-256 over a row's facts with its salt; `link` is HMAC-SHA256, under a key that the
database does not hold, over the seal and the link before it. An erased event takes its salt along,
so that its digest says nothing; its seal stays, excused by the tombstone of its subscriber, which
is sealed as well.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from leadmagnet.consent import canonical
from leadmagnet.database import Row, Transaction
from leadmagnet.services import Services

log = logging.getLogger(__name__)

BATCH = 1000
# Longer than a statement of ours may take, so that all earlier ids have committed or never will.
SETTLED = timedelta(seconds=10)
# Rows are stamped a moment after their id is drawn; a clock may also be set right by a little.
CLOCK = timedelta(minutes=1)

# What a digest covers. Never change these: a new column gets a new list from some position on.
EVENT = (
    *("id", "subscriber_id", "type", "purpose", "consent_text_id", "text_hash"),
    *("policy_version", "locale", "gesture", "occurred_at", "salt"),
)
ERASURE = ("id", "subscriber_id", "erased_at", "erased_by", "token_hash", "address_hash")


class Head(NamedTuple):
    """The end of the chain: published or kept elsewhere, it pins everything before it."""

    position: int
    link: bytes

    def __str__(self) -> str:
        return f"{self.position}:{self.link.hex()}"


START = Head(0, bytes(32))


@dataclass
class Report:
    """What a verification found: `fault` names the first row that is not as it was sealed."""

    head: Head = START
    events: int = 0
    erased: int = 0
    waiting: int = 0
    fault: str | None = None
    latest: datetime | None = None


def head(services: Services) -> Head:
    row = services.database.one("ledger_head")
    return Head(row["position"], row["link"]) if row else START


def seal(services: Services, *, settled: timedelta = SETTLED) -> int:
    """Seal what came since the latest seal, one batch; how many. 0 also while another seals."""
    with services.database.transaction() as transaction:
        held = transaction.one("ledger_lock")
        if not held or not held["held"]:
            return 0
        row = transaction.one("ledger_head")
        end = Head(row["position"], row["link"]) if row else START
        due = transaction.all("ledger_unsealed", settled=settled, batch=BATCH)
        if not due:
            return 0
        seals = list(_seals(due, end, services.config.hash_key))
        columns = {name: [each[name] for each in seals] for name in seals[0]}
        transaction.run(
            "ledger_seal",
            positions=columns["position"],
            event_ids=columns["event_id"],
            erasure_ids=columns["erasure_id"],
            subscriber_ids=columns["subscriber_id"],
            digests=columns["digest"],
            links=columns["link"],
            sealed_at=columns["sealed_at"],
        )
    # In the logs, which are kept elsewhere, the head is a witness; half of it is enough to be one.
    extra = {"position": seals[-1]["position"], "link": seals[-1]["link"].hex()[:32]}
    log.info("ledger_sealed", extra=extra)
    return len(seals)


def _seals(due: list[Row], end: Head, key: bytes) -> Iterator[Row]:
    for row in due:
        of_event = row["kind"] == "event"
        seal = {
            "position": end.position + 1,
            "event_id": row["id"] if of_event else None,
            "erasure_id": None if of_event else row["id"],
            "subscriber_id": row["subscriber_id"],
            "digest": _digest(row["facts"], EVENT if of_event else ERASURE),
            "sealed_at": row["sealed_at"],
        }
        end = Head(end.position + 1, _link(seal, end.link, key))
        yield {**seal, "link": end.link}


def _digest(facts: dict[str, Any], names: tuple[str, ...]) -> bytes:
    return hashlib.sha256(canonical.encode({name: facts[name] for name in names})).digest()


def _link(seal: Row, previous: bytes, key: bytes) -> bytes:
    content = {
        "position": seal["position"],
        "event": seal["event_id"],
        "erasure": seal["erasure_id"],
        "subscriber": str(seal["subscriber_id"]),
        "digest": seal["digest"].hex(),
        "sealed_at": seal["sealed_at"].isoformat(),
        "previous": previous.hex(),
    }
    return hmac.digest(key, b"ledger:" + canonical.encode(content), "sha256")


def verify(services: Services, *, known: tuple[int, str] | None = None) -> Report:
    """Walk the chain from its start, in one snapshot, up to the first fault.

    `known` is a head of before, position and the first half or all of its link: the chain must
    still pass through it.
    """
    with services.database.transaction(snapshot=True) as transaction:
        report = Report()
        while rows := transaction.all("ledger_page", after=report.head.position, batch=BATCH):
            for row in rows:
                report.fault = _fault(row, report, services.config.hash_key, known)
                if report.fault:
                    return report
        report.fault = _stray(transaction, report.head, known)
        waiting = transaction.one("ledger_waiting")
        report.waiting = waiting["events"] if waiting else 0
        return report


def _fault(row: Row, report: Report, key: bytes, known: tuple[int, str] | None) -> str | None:
    """What is wrong with this seal or its row; otherwise it is counted and becomes the head."""
    position = row["position"]
    if position != report.head.position + 1:
        return f"seal {report.head.position + 1} was removed"
    if not hmac.compare_digest(_link(row, report.head.link, key), row["link"]):
        return f"seal {position} was altered, or made with another key"
    if known and known[0] == position and not row["link"].hex().startswith(known[1]):
        return f"seal {position} is not the one that was published: the chain was made anew"
    fault = _event_fault(row, report) if row["event_id"] else _erasure_fault(row)
    report.head = Head(position, row["link"])
    return fault


def _event_fault(row: Row, report: Report) -> str | None:
    name = f"event {row['event_id']} (sealed as {row['position']})"
    facts = row["facts"]
    if facts is None:
        report.erased += 1
        return None if row["erased"] else f"{name} was removed"
    if row["erased"]:
        return f"{name} is there although its subscriber was erased: `leadmagnet erasures reapply`"
    if _digest(facts, EVENT) != row["digest"]:
        return f"{name} was altered"
    if not row["wording_kept"]:
        return f"{name}: the wording of {facts['consent_text_id']} was altered"
    occurred_at = datetime.fromisoformat(facts["occurred_at"])
    if report.latest and occurred_at < report.latest - CLOCK:
        return f"{name} was added with an earlier time"
    report.latest = max(report.latest or occurred_at, occurred_at)
    report.events += 1
    return None


def _erasure_fault(row: Row) -> str | None:
    name = f"erasure {row['erasure_id']} (sealed as {row['position']})"
    if row["facts"] is None:
        return f"{name} was removed"
    return None if _digest(row["facts"], ERASURE) == row["digest"] else f"{name} was altered"


def _stray(transaction: Transaction, head: Head, known: tuple[int, str] | None) -> str | None:
    if known and known[0] > head.position:
        return f"seal {head.position + 1} was removed: the chain once had {known[0]}"
    if added := transaction.one("ledger_added"):
        return f"{added['kind']} {added['id']} was added: later ones were sealed without it"
    if back := transaction.one("ledger_returned"):
        return (
            f"erasure {back['id']} is of a subscriber who is there: `leadmagnet erasures reapply`"
        )
    return None
