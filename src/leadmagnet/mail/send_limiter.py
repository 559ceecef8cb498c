"""The send rate limiter that all workers share: what an operator sees of it, holds and resumes."""

from __future__ import annotations

import logging

from leadmagnet.database import Row
from leadmagnet.services import Services

log = logging.getLogger(__name__)


def state(services: Services) -> Row:
    """Whether mails may go, and if not, why and for how long."""
    row = services.database.one("send_limiter_state")
    assert row is not None  # noqa: S101 - the table has one row
    return row


def recognise_database(services: Services) -> None:
    """Hold the mails and events of a restored copy: the original has sent them, or will."""
    row = services.database.one("send_limiter_recognise_database")
    if row and row["hold_reason"]:
        log.error("sending_held", extra={"reason": row["hold_reason"]})


def brake(services: Services) -> None:
    """Hold all mails when too many of the last hundred bounced."""
    most = services.config.bounces_per_hundred
    row = services.database.one("send_limiter_hold_after_bounces", most=most)
    if row:
        log.error("sending_held", extra={"reason": "bounces", "mails": row["mails"]})


def hold(services: Services) -> bool:
    """Let no mail go until `resume`; false when that is so already."""
    return services.database.one("send_limiter_hold", reason="operator") is not None


def resume(services: Services) -> int:
    """Let mails go again once the cause is fixed; how many are due again."""
    row = services.database.one("send_limiter_resume")
    return int(row["mails"]) if row else 0
