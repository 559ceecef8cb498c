"""What a person can do: sign up, confirm, ask for a fresh link, unsubscribe."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from leadmagnet.config import Config
from leadmagnet.database import Database, Row
from leadmagnet.errors import (
    FileUnavailable,
    Refused,
    TokenExpired,
    TokenUnknown,
    TokenUsedUp,
    TooManySignups,
)
from leadmagnet.funnel import limits, tokens

log = logging.getLogger(__name__)


class Context(NamedTuple):
    """Where an act came from, as far as known: kept apart from the act, for a shorter time."""

    ip: str | None
    user_agent: str | None


@dataclass(frozen=True)
class Confirmation:
    """The answer to the press of the button: `confirmed` the first time, then
    `already_confirmed`; and the file."""

    status: str
    download_url: str
    expires_at: datetime
    file_name: str


def sign_up(
    database: Database,
    *,
    email: str,
    consents: Sequence[str],
    magnet: str | None,
    locale: str | None,
    source: str | None,
    heed: bool,
    suppression: bytes,
    context: Context,
    config: Config,
) -> None:
    """Record a signup and queue its mail, in one statement; `heed` false only counts the try.

    `email` is normalised, `suppression` the keyed hash under which it may be suppressed. Raises
    Refused for consent texts or a magnet that do not fit, and TooManySignups for a network over
    its limit.
    """
    row = database.one(
        "subscriber_sign_up",
        email=email,
        consents=sorted(consents),
        magnet=magnet,
        locale=locale,
        source=source,
        heed=heed,
        suppression=suppression,
        ip=context.ip,
        user_agent=context.user_agent,
        cool_down=config.cool_down_seconds,
        text_grace=config.text_grace_hours,
        **limits.of_signup(config, email=email, ip=context.ip),
    )
    assert row is not None  # noqa: S101 - an aggregate without GROUP BY always gives a row
    _refuse(row, config)
    limits.alarm(row)
    if row["subscriber_id"]:
        log.info("subscriber_signed_up", extra={"subscriber_id": str(row["subscriber_id"])})


def _refuse(row: Row, config: Config) -> None:
    if not row["magnet_known"]:
        raise Refused({"/magnet": "magnet_unknown"})
    if not row["texts_known"]:
        raise Refused({"/consents": "consent_unknown"})
    if not row["delivery_agreed"]:
        raise Refused({"/consents": "consent_required"})
    if not row["network_allowed"]:
        raise TooManySignups(
            limit=config.signups_per_hour, window=limits.HOUR, seconds=row["network_seconds"]
        )


def confirm(
    database: Database,
    sign_url: Callable[[str, str], str],
    *,
    token: str,
    context: Context,
    max_uses: int,
    url_life: timedelta,
) -> Confirmation:
    """Confirm the address behind the token, once, and hand out the file, each time.

    `sign_url(s3_key, file_name)` gives the download URL. Raises TokenUnknown, TokenExpired,
    TokenUsedUp; and FileUnavailable when the confirmation stands but no URL can be had.
    """
    row = database.one(
        "subscriber_confirm",
        token_hash=tokens.hashed(token),
        max_uses=max_uses,
        url_life=url_life,
        ip=context.ip,
        user_agent=context.user_agent,
    )
    if row is None or row["outcome"] == "unknown":
        raise TokenUnknown
    if row["outcome"] == "expired":
        raise TokenExpired
    if row["outcome"] == "used_up":
        raise TokenUsedUp
    if row["outcome"] == "confirmed":
        log.info("subscriber_confirmed", extra={"subscriber_id": str(row["subscriber_id"])})
    return Confirmation(
        status=row["outcome"],
        download_url=_file_url(database, sign_url, row),
        expires_at=row["expires_at"],
        file_name=row["file_name"],
    )


def _file_url(database: Database, sign_url: Callable[[str, str], str], row: Row) -> str:
    try:
        if row["file_missing"]:
            raise FileUnavailable
        return sign_url(row["s3_key"], row["file_name"])
    except FileUnavailable:
        log.error("file_unavailable", extra={"magnet": row["slug"]})
        tokens.release(database, row["token_id"])
        raise


def renew_link(database: Database, *, token: str, context: Context, config: Config) -> None:
    """Queue a mail with a fresh link to the token's owner; silent about everything else."""
    token_hash = tokens.hashed(token)
    row = database.one(
        "subscriber_renew_link",
        token_hash=token_hash,
        ip=context.ip,
        user_agent=context.user_agent,
        cool_down=config.cool_down_seconds,
        **limits.of_renewal(config, token_hash),
    )
    if row and row["subscriber_id"]:
        limits.alarm(row)
        log.info("link_renewed", extra={"subscriber_id": str(row["subscriber_id"])})


def subscription(database: Database, subscriber_id: UUID) -> Row:
    """Status and newsletter, as the unsubscribe page shows them. Raises TokenUnknown."""
    row = database.one("subscriber_subscription", subscriber_id=subscriber_id)
    if row is None:
        raise TokenUnknown
    return row


def unsubscribe(database: Database, *, subscriber_id: UUID, gesture: str, context: Context) -> None:
    """End all mail to the subscriber; any number of times. Raises TokenUnknown after an erasure."""
    row = database.one(
        "subscriber_unsubscribe",
        subscriber_id=subscriber_id,
        gesture=gesture,
        ip=context.ip,
        user_agent=context.user_agent,
    )
    if row is None or not row["found"]:
        raise TokenUnknown
    if row["changed"]:
        log.info("subscriber_unsubscribed", extra={"subscriber_id": str(subscriber_id)})


def end_newsletter(
    database: Database, *, subscriber_id: UUID, gesture: str, context: Context
) -> Row:
    """End the newsletter alone, any number of times; the subscription that is left. Raises
    TokenUnknown after an erasure."""
    row = database.one(
        "subscriber_end_newsletter",
        subscriber_id=subscriber_id,
        gesture=gesture,
        ip=context.ip,
        user_agent=context.user_agent,
    )
    if row is None:
        raise TokenUnknown
    if row["changed"]:
        log.info("newsletter_ended", extra={"subscriber_id": str(subscriber_id)})
    return row
