"""Mails to send: claimed with a lease, handed to SES outside any transaction, then marked."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, NamedTuple

from leadmagnet.adapters.ses import (
    Mail,
    NotSent,
    Paused,
    Rejected,
    Throttled,
    Unknown,
    Unrecognised,
)
from leadmagnet.config import Config
from leadmagnet.database import Database, Row, leases
from leadmagnet.funnel import tokens
from leadmagnet.mail.compose import mail_for
from leadmagnet.services import Services

log = logging.getLogger(__name__)

FIRST_RETRY = timedelta(seconds=15)
LONGEST_RETRY = timedelta(hours=2)
# With the doubling above, the last attempt comes more than a day after the first.
MOST_ATTEMPTS = 24
# A mail whose outcome is unknown may have arrived each time: a handful, over some hours.
MOST_UNKNOWN_OUTCOMES = 8
# How long an event of SES may take to tell what became of a mail whose answer was lost.
EVENT_WAIT = timedelta(minutes=5)
# How long nothing is tried while the account is at fault.
ACCOUNT_PAUSE = timedelta(minutes=5)
# So many different mails in a row that meet the same odd answer are no fault of theirs.
MOST_ODD_MAILS = 5
DROP_BATCH = 1000


@dataclass(frozen=True)
class Delivery:
    """What sending a mail needs. `wait` returns true, and early, when the worker has to stop;
    `sleep` waits for the mail's turn, a second at most, also then."""

    database: Database
    config: Config
    send: Callable[[Mail], str]
    wait: Callable[[float], object]
    random_bytes: Callable[[int], bytes]
    jitter: Callable[[], float] = random.random
    sleep: Callable[[float], object] = time.sleep


class Claimed(NamedTuple):
    """A mail that is ours for the length of the lease, and the token that its link carries."""

    row: Row
    token: str


def claim(delivery: Delivery) -> Claimed | None:
    """The mail that has been due longest; None when none is due or may go."""
    config = delivery.config
    token = tokens.new_token(delivery.random_bytes)
    row = delivery.database.one(
        "outbox_claim",
        lease=config.lease_seconds,
        interval=timedelta(seconds=1) / config.ses_max_rate,
        token_hash=token.hash,
        token_life=config.token_hours,
        privacy_life=config.privacy_link_minutes,
        pause=ACCOUNT_PAUSE,
        most_unknown=MOST_UNKNOWN_OUTCOMES,
        mails_per_hour=config.mails_per_hour,
        owner_mail=config.owner_mail,
    )
    return Claimed(row, token.text) if row else None


def deliver(delivery: Delivery, claimed: Claimed) -> None:
    """Send a claimed mail, and write down what became of it.

    At least once, never lost: dying between `send` and the mark means the mail is sent again
    when the lease is over, for SES has no idempotency key.
    """
    row = claimed.row
    if row["state"] == "cancelled":
        _log("mail_cancelled", row, reason=row["reason"])
        return
    if row["state"] == "dead":
        _log("mail_dead", row, reason=row["reason"], level=logging.ERROR)
        return
    if row["ceiling_reached"]:
        log.error("mail_ceiling_reached")
    delivery.sleep(max(0.0, row["wait"].total_seconds()))
    try:
        message_id = delivery.send(
            mail_for(row, token=claimed.token, config=delivery.config, database=delivery.database)
        )
    except NotSent as error:
        _not_sent(delivery, row, error)
    else:
        _sent(delivery, row, message_id)


def deliver_next(delivery: Delivery) -> bool:
    """Claim a mail and deliver it; false when there is none."""
    claimed = claim(delivery)
    if claimed:
        deliver(delivery, claimed)
    return claimed is not None


def _sent(delivery: Delivery, row: Row, message_id: str) -> None:
    mark = {"id": row["id"], "claims": row["claims"], "message_id": message_id}
    marked = _mark(delivery, "outbox_sent", **mark)
    assert marked is not None  # noqa: S101 - a SELECT of expressions always gives a row
    _log("mail_sent" if marked["held"] else "lease_lost", row)
    if marked["resumed"]:
        log.info("sending_resumed")


def _mark(delivery: Delivery, query: str, **parameters: Any) -> Row | None:
    lease = delivery.config.lease_seconds
    return leases.mark(delivery.database, query, lease=lease, wait=delivery.wait, **parameters)


def _not_sent(delivery: Delivery, row: Row, error: NotSent) -> None:
    mark = {
        "id": row["id"],
        "claims": row["claims"],
        "reason": error.reason,
        "sentence": error.sentence,
    }
    unknown = isinstance(error, Unknown)
    if isinstance(error, Paused):
        _pause(delivery, mark)
    elif isinstance(error, Throttled):
        _mark(delivery, "outbox_throttle", **mark, jitter=delivery.jitter())
        _log("mail_throttled", row)
    elif isinstance(error, Rejected) or row["attempts"] >= MOST_ATTEMPTS:
        _mark(delivery, "outbox_bury", **mark)
        _log("mail_dead", row, reason=error.reason, level=logging.ERROR)
    else:
        odd = unknown or isinstance(error, Unrecognised)
        delay = _delay(row["attempts"] - 1, at_least=EVENT_WAIT if unknown else FIRST_RETRY)
        answer = _mark(delivery, "outbox_postpone", **mark, delay=delay, odd=odd, unknown=unknown)
        _log("mail_postponed", row, reason=error.reason, level=logging.WARNING)
        if answer and answer["odd"] >= MOST_ODD_MAILS:
            # The mail has its own delay already: another claim than this one holds it by now.
            _pause(delivery, mark | {"claims": None})


def _pause(delivery: Delivery, mark: dict[str, Any]) -> None:
    answer = _mark(delivery, "outbox_pause", **mark, pause=ACCOUNT_PAUSE)
    if answer and answer["newly_paused"]:
        log.error("sending_paused", extra={"reason": mark["reason"]})


def _delay(failures: int, *, at_least: timedelta) -> timedelta:
    doubled: timedelta = at_least * 2 ** min(failures, 12)
    return min(doubled, LONGEST_RETRY)


def repair_due_times(services: Services) -> None:
    """Make due what a database's clock that was ahead has put off for too long."""
    repaired = services.database.all("outbox_repair_due_times")
    if repaired:
        log.warning("due_times_repaired", extra={"mails": len(repaired)})


def overview(services: Services, *, failures: int) -> dict[str, Any]:
    """For an operator: counts by state, and the latest failures."""
    return {
        "states": services.database.all("outbox_overview"),
        "failures": services.database.all("outbox_failures", limit=failures),
    }


def stuck(services: Services, *, limit: int) -> dict[str, Any]:
    """For a page: how many are queued, dead, sent in 30 days; and the latest failures."""
    return {
        "states": services.database.one("outbox_counts"),
        "items": services.database.all("outbox_failures", limit=limit),
    }


def retry(services: Services, ids: Sequence[int] | None) -> int:
    """Make dead mails due again, those named or all; how many."""
    row = services.database.one("outbox_retry", ids=list(ids) if ids is not None else None)
    return int(row["mails"]) if row else 0


def networks(services: Services, *, limit: int) -> list[Row]:
    """For an operator: the networks that the most queued mails were asked for from."""
    return services.database.all("outbox_networks", limit=limit)


def drop(services: Services, network: str) -> int:
    """Cancel the queued mails of a network, named as `networks` does; how many."""
    dropped, full = 0, True
    while full:
        row = services.database.one(
            "outbox_drop", network=network, batch=DROP_BATCH, lease=services.config.lease_seconds
        )
        found = int(row["mails"]) if row else 0
        dropped += found
        full = found == DROP_BATCH
    log.info("mails_dropped", extra={"network": network, "mails": dropped})
    return dropped


def _log(event: str, row: Row, *, level: int = logging.INFO, **more: str) -> None:
    log.log(level, event, extra={"outbox_id": row["id"], "kind": row["kind"], **more})
