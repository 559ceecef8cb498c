"""Mails to send: claimed with a lease, handed to SES outside any transaction, then marked."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, NamedTuple

from leadmagnet.adapters.ses import Mail, NotSent, Paused, Rejected, Throttled, Unknown
from leadmagnet.config import Config
from leadmagnet.database import Database, Row
from leadmagnet.errors import Unavailable
from leadmagnet.funnel import tokens
from leadmagnet.mail import compose as mail
from leadmagnet.services import Services

log = logging.getLogger(__name__)

FIRST_RETRY = timedelta(seconds=15)
LONGEST_RETRY = timedelta(hours=2)
# With the doubling above, the last attempt comes more than a day after the first.
MOST_ATTEMPTS = 24
# How long nothing is tried while the account is at fault; and how long an event of SES may take
# to tell what became of a mail whose answer was lost.
PAUSE = timedelta(minutes=5)
MARK_AGAIN_SECONDS = 0.5


@dataclass(frozen=True)
class Delivery:
    """What sending a mail needs; `wait` returns true, and early, when the worker has to
    stop."""

    database: Database
    config: Config
    send: Callable[[Mail], str]
    wait: Callable[[float], object]
    random_bytes: Callable[[int], bytes]
    jitter: Callable[[], float] = random.random


class Claimed(NamedTuple):
    """A mail that is ours for the length of the lease, and the token that its link carries."""

    row: Row
    token: str


def claim(delivery: Delivery) -> Claimed | None:
    """The mail that has been due longest; None when none is due or the gate is shut."""
    config = delivery.config
    token = tokens.new_token(delivery.random_bytes)
    row = delivery.database.one(
        "outbox_claim",
        lease=config.lease_seconds,
        interval=timedelta(seconds=1) / config.ses_max_rate,
        token_hash=token.hash,
        token_life=config.token_hours,
        privacy_life=config.privacy_link_minutes,
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
    delivery.wait(row["wait"].total_seconds())
    try:
        message_id = delivery.send(compose(row, token=claimed.token, config=delivery.config))
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
    fence = {"id": row["id"], "claims": row["claims"]}
    marked = _mark(delivery, "outbox_sent", **fence, message_id=message_id)
    assert marked is not None  # noqa: S101 - a SELECT of expressions always gives a row
    _log("mail_sent" if marked["held"] else "lease_lost", row)
    if marked["resumed"]:
        log.info("sending_resumed")


def _mark(delivery: Delivery, query: str, **parameters: Any) -> Row | None:
    """Write down what SES answered; while the database is away, again and again until the lease
    is over. A mail that was sent and not marked is sent a second time."""
    lease_ends = time.monotonic() + delivery.config.lease_seconds.total_seconds()
    while True:
        try:
            return delivery.database.one(query, **parameters)
        except Unavailable:
            if time.monotonic() > lease_ends or delivery.wait(MARK_AGAIN_SECONDS):
                raise


def compose(row: Row, *, token: str, config: Config) -> Mail:
    """The mail for a claimed row. Its links lead to the site; only the one-click unsubscribe of
    RFC 8058, which mail providers POST to, leads to this API."""
    leave = tokens.sign(row["subscriber_id"], config.unsubscribe_keys)
    private = row["kind"] == "privacy"
    page = "mes-donnees" if private else "confirm"
    life = config.privacy_link_minutes if private else config.token_hours
    content = mail.compose(
        row["kind"],
        row["locale"],
        magnet_title=row["magnet_title"] or "",
        newsletter=row["newsletter"],
        link_url=f"{config.site_url}/lead-magnet/{page}?token={token}",
        unsubscribe_url=f"{config.site_url}/lead-magnet/unsubscribe?token={leave}",
        hours=max(1, int(life.total_seconds() // 3600)),
    )
    one_click = f"{config.api_url or config.site_url}/api/lead-magnet/unsubscribe/{leave}"
    return Mail(
        sender=config.mail_from,
        to=row["email"],
        subject=content.subject,
        text=content.text,
        html=content.html,
        headers={
            "List-Unsubscribe": f"<{one_click}>",
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
            # RFC 3834: nobody's holiday notice should answer this.
            "Auto-Submitted": "auto-generated",
        },
        tags={"outbox_id": str(row["id"]), "kind": row["kind"]},
        configuration_set=config.ses_configuration_set,
    )


def _not_sent(delivery: Delivery, row: Row, error: NotSent) -> None:
    fence = {"id": row["id"], "claims": row["claims"], "reason": error.reason}
    if isinstance(error, Paused):
        answer = _mark(delivery, "outbox_pause", **fence, pause=PAUSE)
        if answer and answer["news"]:
            log.error("sending_paused", extra={"reason": error.reason})
    elif isinstance(error, Throttled):
        _mark(delivery, "outbox_throttle", **fence, jitter=delivery.jitter())
        _log("mail_throttled", row)
    elif isinstance(error, Rejected) or row["attempts"] + 1 >= MOST_ATTEMPTS:
        _mark(delivery, "outbox_bury", **fence)
        _log("mail_dead", row, reason=error.reason, level=logging.ERROR)
    else:
        _mark(delivery, "outbox_postpone", **fence, delay=_delay(error, row["attempts"]))
        _log("mail_postponed", row, reason=error.reason, level=logging.WARNING)


def _delay(error: NotSent, attempts: int) -> timedelta:
    # SES may have taken the mail: long enough for its own event to settle that.
    least = PAUSE if isinstance(error, Unknown) else FIRST_RETRY
    doubled: timedelta = FIRST_RETRY * 2 ** min(attempts, 12)
    return max(min(doubled, LONGEST_RETRY), least)


def overview(services: Services, *, troubles: int) -> dict[str, Any]:
    """For an operator: counts by state, the gate, the latest troubles."""
    return {
        "states": services.database.all("outbox_overview"),
        "gate": services.database.one("outbox_gate"),
        "troubles": services.database.all("outbox_troubles", limit=troubles),
    }


def retry(services: Services, ids: Sequence[int] | None) -> int:
    """Make dead mails due again, those named or all; how many."""
    row = services.database.one("outbox_retry", ids=list(ids) if ids is not None else None)
    return int(row["mails"]) if row else 0


def resume(services: Services) -> int:
    """Open the gate after the trouble was mended; how many mails are due again."""
    row = services.database.one("outbox_resume")
    return int(row["mails"]) if row else 0


def _log(event: str, row: Row, *, reason: str | None = None, level: int = logging.INFO) -> None:
    extra = {"outbox_id": row["id"], "kind": row["kind"]}
    log.log(level, event, extra=extra | ({"reason": reason} if reason else {}))
