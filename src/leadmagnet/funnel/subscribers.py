"""What the holder of a link can do: confirm, unsubscribe."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from leadmagnet.database import Row
from leadmagnet.errors import FileUnavailable, TokenExpired, TokenUnknown, TokenUsedUp
from leadmagnet.funnel import tokens
from leadmagnet.funnel.requests import Context
from leadmagnet.services import Services

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Confirmation:
    """The answer to a confirmation: `confirmed` the first time, then
    `already_confirmed`; whether they get the newsletter now; and the file."""

    status: str
    newsletter: bool
    download_url: str
    expires_at: datetime
    file_name: str


def confirm(services: Services, *, token: str, context: Context) -> Confirmation:
    """Confirm the address behind the token, once, and hand out the file, each time.

    Raises TokenUnknown, TokenExpired, TokenUsedUp; and FileUnavailable when the confirmation
    stands but no URL can be had.
    """
    row = services.database.one(
        "subscriber_confirm",
        token_hash=tokens.hash_of(token),
        max_uses=services.config.token_uses,
        url_life=services.config.download_url_seconds,
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
        newsletter=row["newsletter"],
        download_url=_file_url(services, row),
        expires_at=row["expires_at"],
        file_name=row["file_name"],
    )


def _file_url(services: Services, row: Row) -> str:
    try:
        if row["file_missing"]:
            raise FileUnavailable
        return services.files.sign_url(row["s3_key"], row["file_name"])
    except FileUnavailable:
        log.error("file_unavailable", extra={"magnet": row["slug"]})
        tokens.release(services, row["token_id"], None if row["file_missing"] else row["file_id"])
        raise


def find(
    services: Services, *, subscriber_id: UUID | None = None, email: str | None = None
) -> Row | None:
    """Id and address of a subscriber, by one of them; `email` is normalised."""
    return services.database.one("subscriber_find", subscriber_id=subscriber_id, email=email)


def subscription(services: Services, subscriber_id: UUID) -> Row:
    """What the unsubscribe page shows: status, newsletter, language, and until when "this was not
    me" holds. Raises TokenUnknown."""
    row = services.database.one(
        "subscriber_subscription",
        subscriber_id=subscriber_id,
        not_me=services.config.not_me_days,
    )
    if row is None:
        raise TokenUnknown
    return row


def unsubscribe(services: Services, *, subscriber_id: UUID, gesture: str, context: Context) -> bool:
    """End all mail to the subscriber, any number of times; whether that changed anything. Raises
    TokenUnknown after an erasure."""
    row = services.database.one(
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
    return bool(row["changed"])


def end_newsletter(
    services: Services, *, subscriber_id: UUID, gesture: str, context: Context
) -> bool:
    """End the newsletter alone, any number of times; whether that changed anything. Raises
    TokenUnknown after an erasure."""
    row = services.database.one(
        "subscriber_end_newsletter",
        subscriber_id=subscriber_id,
        gesture=gesture,
        ip=context.ip,
        user_agent=context.user_agent,
    )
    if row is None or not row["found"]:
        raise TokenUnknown
    if row["changed"]:
        log.info("newsletter_ended", extra={"subscriber_id": str(subscriber_id)})
    return bool(row["changed"])
