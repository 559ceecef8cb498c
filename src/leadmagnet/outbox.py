"""Mails to send: claimed with a lease, handed to SES outside any transaction, then marked."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from datetime import timedelta

from leadmagnet import mail, tokens
from leadmagnet.aws.ses import Mail, NotSent, Paused, Rejected, Throttled, Unknown
from leadmagnet.config import Config
from leadmagnet.db import Database, Row

log = logging.getLogger(__name__)

FIRST_RETRY = timedelta(seconds=15)
LONGEST_RETRY = timedelta(hours=2)
# With the doubling above, the last attempt comes more than a day after the first.
MOST_ATTEMPTS = 24
PAUSE = timedelta(minutes=5)


def deliver_next(
    database: Database,
    send: Callable[[Mail], str],
    config: Config,
    random_bytes: Callable[[int], bytes],
) -> bool:
    """Send the mail that has been due longest. False when none is due.

    At least once, never lost: dying between `send` and the mark means the mail is sent again
    when the lease is over, for SES has no idempotency key.
    """
    token = tokens.mint(random_bytes)
    row = database.one(
        "outbox_claim",
        lease=config.lease_seconds,
        token_hash=token.hash,
        token_life=config.token_hours,
        privacy_life=config.privacy_link_minutes,
    )
    if row is None:
        return False
    if row["state"] == "cancelled":
        _log("mail_cancelled", row, reason=row["reason"])
        return True
    try:
        message_id = send(compose(row, token=token.text, config=config))
    except NotSent as error:
        _not_sent(database, row, error)
    else:
        held = database.one(
            "outbox_sent", id=row["id"], claims=row["claims"], message_id=message_id
        )
        _log("mail_sent" if held else "lease_lost", row)
    return True


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


def _not_sent(database: Database, row: Row, error: NotSent) -> None:
    attempts = row["attempts"] + 1
    fence = {"id": row["id"], "claims": row["claims"], "reason": error.reason}
    if isinstance(error, Rejected) or (attempts >= MOST_ATTEMPTS and _counts(error)):
        database.one("outbox_bury", **fence)
        _log("mail_dead", row, reason=error.reason, level=logging.ERROR)
        return
    delay = _delay(error, attempts)
    database.one("outbox_postpone", **fence, delay=delay, attempts=int(_counts(error)))
    level = logging.ERROR if isinstance(error, Paused) else logging.WARNING
    _log("mail_postponed", row, reason=error.reason, level=level)


def _counts(error: NotSent) -> bool:
    """Throttling and a paused account are not the mail's attempts."""
    return not isinstance(error, Throttled | Paused)


def _delay(error: NotSent, attempts: int) -> timedelta:
    if isinstance(error, Paused):
        return PAUSE
    if isinstance(error, Throttled):
        return timedelta(seconds=random.uniform(2, 30))  # noqa: S311 - spreads load, no secret
    # An unknown outcome waits as long as any: by then an event from SES may have settled it.
    least = PAUSE if isinstance(error, Unknown) else FIRST_RETRY
    doubled: timedelta = FIRST_RETRY * 2 ** min(attempts - 1, 12)
    return max(min(doubled, LONGEST_RETRY), least)


def _log(event: str, row: Row, *, reason: str | None = None, level: int = logging.INFO) -> None:
    extra = {"outbox_id": row["id"], "kind": row["kind"]}
    log.log(level, event, extra=extra | ({"reason": reason} if reason else {}))
