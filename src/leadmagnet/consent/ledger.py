"""Verifies the ledger and the audit: names whatever was altered, added or removed behind our back.

An erased event takes its salt along, so that its digest says nothing; its seal stays, excused by
the tombstone of its subscriber, which is sealed as well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

from leadmagnet.consent import chain, kept_head, seals
from leadmagnet.consent.chain import GENESIS, Head
from leadmagnet.database import Row, Transaction
from leadmagnet.services import Services

BATCH = 1000
# A seal is made seconds after its row. One made later is of a time when no worker sealed, of a slow
# transaction, or of a row that was dated back or sealed anew.
LATE_AFTER = timedelta(minutes=5)
FIRST_ID = UUID(int=0)
NAMES = {"event": "event", "erasure": "erasure", "audit": "row of the audit"}


class NotSealedYet(Exception):
    """An event whose seal is still to come; the message names it."""


@dataclass
class Late:
    """Seals in a row that were made long after what they seal was recorded."""

    first: int
    last: int
    longest: timedelta

    def __str__(self) -> str:
        return (
            f"seals {self.first} to {self.last} were made up to {self.longest} after their rows"
            " were recorded: no worker sealed then, or the rows were dated back, or earlier seals"
            " were removed; once that is explained, verify with --head from there on"
        )


@dataclass
class Report:
    """What a verification found; `faults` names every row that is not as it was sealed."""

    head: Head = GENESIS
    events: int = 0
    erased: int = 0
    audited: int = 0
    waiting: int = 0
    faults: list[str] = field(default_factory=list)
    late: list[Late] = field(default_factory=list)


def verify(
    services: Services,
    *,
    published: Head | None = None,
    progress: Callable[[int], None] = lambda position: None,
) -> Report:
    """Walk the chain from its start to its end, in one snapshot.

    It must pass through `published`, a head of before, and through the one that the sealer kept in
    a file. Late seals up to `published` are not named: its publisher has looked at them.
    """
    kept_file = services.config.ledger_head_file
    kept = kept_head.read(kept_file) if kept_file else None
    pins = [pin for pin in (published, kept) if pin]
    believed = published.position if published else 0
    keys = list(services.config.hash_keys)
    with services.database.transaction(snapshot=True) as transaction:
        report = Report()
        while rows := transaction.all("ledger_page", after=report.head.position, batch=BATCH):
            for row in rows:
                report.faults += _seal_faults(row, report.head, keys, pins)
                report.faults += row_faults(row)
                _count(row, report)
                if row["position"] > believed:
                    _note_if_late(row, report.late)
                report.head = Head(row["position"], row["chain_hash"])
            progress(report.head.position)
        report.faults += [str(late) for late in report.late]
        report.faults += _missing_pins(report.head, pins)
        report.faults += _unsealed(transaction, report)
        report.faults += _subscribers(transaction)
    return report


def faults_of(services: Services, subscriber_id: UUID) -> list[str]:
    """What speaks against one person's events as they stand now, their seals included. Raises
    NotSealedYet."""
    faults: list[str] = []
    for row in services.database.all("ledger_of_subscriber", subscriber_id=subscriber_id):
        if row["position"] is None:
            raise NotSealedYet(f"event {row['event_id']} is not sealed yet: try again in a minute")
        previous = Head(row["position"] - 1, row["previous"] or GENESIS.chain_hash)
        faults += _seal_faults(row, previous, list(services.config.hash_keys), [])
        faults += row_faults(row)
    # The page that starts just before them, and is one long.
    before = UUID(int=subscriber_id.int - 1)
    with services.database.transaction(snapshot=True) as transaction:
        faults += _subscriber_faults(_subscribers_page(transaction, after=before, batch=1))
    return faults


def _seal_faults(row: Row, before: Head, keys: list[bytes], pins: list[Head]) -> Iterator[str]:
    """What is wrong with the seal. Once a newer key has sealed, a former one no longer does:
    `keys` loses those that are over."""
    position = row["position"]
    if position != before.position + 1:
        # The hash before it is gone, so this one cannot be computed again.
        yield _removed(before.position + 1, position - 1)
    elif (place := chain.made_with(row, before.chain_hash, keys)) is not None:
        del keys[place + 1 :]
    else:
        yield f"seal {position} was altered, or made with another key"
    if any(pin.position == position and not pin.fits(row["chain_hash"]) for pin in pins):
        yield f"seal {position} is not the one that was published: the chain was made anew"


def _removed(first: int, last: int) -> str:
    if first == last:
        return f"seal {first} was removed"
    return f"seals {first} to {last} were removed"


def row_faults(row: Row) -> Iterator[str]:
    """What is wrong with what the seal covers."""
    kind, number = chain.sealed_row(row)
    name = f"{NAMES[kind]} {number} (sealed as {row['position']})"
    facts = row["facts"]
    if facts is None:
        if not (kind == "event" and row["erased"]):
            yield f"{name} was removed"
        return
    if chain.digest(facts, kind) != row["digest"]:
        yield f"{name} was altered"
    if kind != "event":
        return
    if row["erased"]:
        yield f"{name} is there although its subscriber was erased: `leadmagnet erasures reapply`"
    if not row["wording_kept"]:
        yield f"{name}: the text {facts['consent_text_id']} was altered, or its policy"
    if not row["address_kept"]:
        yield f"{name} was recorded for another address than the subscriber has"


def _count(row: Row, report: Report) -> None:
    if row["event_id"] is not None:
        report.events += row["facts"] is not None
        report.erased += row["facts"] is None
    report.audited += row["audit_id"] is not None


def _note_if_late(row: Row, late: list[Late]) -> None:
    if row["recorded_at"] is None or row["sealed_at"] - row["recorded_at"] <= LATE_AFTER:
        return
    position, delay = row["position"], row["sealed_at"] - row["recorded_at"]
    if late and late[-1].last == position - 1:
        late[-1].last, late[-1].longest = position, max(late[-1].longest, delay)
    else:
        late.append(Late(position, position, delay))


def _missing_pins(head: Head, pins: list[Head]) -> Iterator[str]:
    once = max((pin.position for pin in pins), default=0)
    if once > head.position:
        yield f"{_removed(head.position + 1, once)}: the chain once had {once}"


def _unsealed(transaction: Transaction, report: Report) -> Iterator[str]:
    for kind, name in NAMES.items():
        after: int | None = -seals.EVERYTHING
        while after is not None:
            (page,) = transaction.all(
                "ledger_unsealed", kind=kind, after=after, batch=BATCH, late_after=LATE_AFTER
            )
            report.waiting += page["waiting"]
            for number in page["overdue"]:
                yield (
                    f"{name} {number} was recorded more than {LATE_AFTER} ago and has no seal:"
                    " no worker seals, or it was added and dated back"
                )
            after = page["last"]


def _subscribers(transaction: Transaction) -> Iterator[str]:
    after: UUID | None = FIRST_ID
    while after is not None:
        page = _subscribers_page(transaction, after=after, batch=BATCH)
        yield from _subscriber_faults(page)
        after = page["last"]


def _subscribers_page(transaction: Transaction, *, after: UUID, batch: int) -> Row:
    (page,) = transaction.all("ledger_subscribers", after=after, batch=batch)
    return page


def _subscriber_faults(page: Row) -> Iterator[str]:
    for subscriber in page["returned"]:
        yield f"subscriber {subscriber} is there although erased: `leadmagnet erasures reapply`"
    for subscriber in page["unconfirmed"]:
        yield f"subscriber {subscriber} counts as confirmed, and no event says so"
    for subscriber in page["without_newsletter"]:
        yield f"subscriber {subscriber} gets the newsletter, and no event says so"
