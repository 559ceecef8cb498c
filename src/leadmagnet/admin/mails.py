"""The mails that are stuck: what the owner sees of them, and lets go again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from leadmagnet.admin import audit
from leadmagnet.admin.audit import Caller
from leadmagnet.database import Row
from leadmagnet.errors import Refused
from leadmagnet.mail import outbox, send_limiter
from leadmagnet.services import Services


def read(services: Services, *, limit: int) -> dict[str, Any]:
    """How many mails are in which state, whether they may go, and the latest that could not."""
    sending = _sending(send_limiter.state(services))
    return outbox.stuck(services, limit=limit) | {"sending": sending}


def _sending(limiter: Row) -> dict[str, Any]:
    """Why no mail goes now: until somebody resumes, until SES takes one, or for a moment."""
    seconds = round(limiter["wait"].total_seconds())
    for state, reason, sentence in (
        ("held", limiter["hold_reason"], None),
        ("paused", limiter["pause_reason"], limiter["pause_sentence"]),
        ("throttled", "throttled" if limiter["throttles"] else None, None),
    ):
        if reason:
            return {
                "state": state,
                "reason": reason,
                "sentence": sentence,
                "wait_seconds": None if state == "held" else seconds,
            }
    return {"state": "sending", "reason": None, "sentence": None, "wait_seconds": 0}


def retry(services: Services, caller: Caller, *, ids: Sequence[int] | None, every: bool) -> int:
    """Make dead mails due again, these or every one; how many. Raises Refused for neither."""
    if bool(ids) == every:
        raise Refused({"/ids": "field_invalid"})
    with audit.acting(services, caller, "mails:retry") as act:
        count = outbox.retry(act.services, None if every else ids)
        act.detail.update(mails=count, all=every)
    return count


def pause(services: Services, caller: Caller) -> None:
    """Let no mail go until somebody resumes."""
    with audit.acting(services, caller, "mails:pause") as act:
        send_limiter.hold(act.services)


def drop(services: Services, caller: Caller, network: str) -> int:
    """Cancel the queued mails of a network; how many. Many transactions, for they may be many."""
    if count := outbox.drop(services, network):
        audit.record(services.database, caller, "mails:drop", detail={"mails": count})
    return count


def resume(services: Services, caller: Caller) -> int:
    """Resume sending, once the cause of the pause is fixed; how many are due again."""
    with audit.acting(services, caller, "mails:resume") as act:
        count = send_limiter.resume(act.services)
        act.detail.update(mails=count)
    return count
