"""What a person can do: sign up, confirm, ask for a fresh link, unsubscribe."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from leadmagnet import addresses
from leadmagnet.config import Config
from leadmagnet.consent import suppressions
from leadmagnet.database import Row
from leadmagnet.errors import (
    FileUnavailable,
    Refused,
    TokenExpired,
    TokenUnknown,
    TokenUsedUp,
    TooManySignups,
)
from leadmagnet.funnel import limits, tokens
from leadmagnet.services import Services

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
    services: Services,
    *,
    email: str,
    consents: Sequence[str],
    context: Context,
    magnet: str | None = None,
    locale: str | None = None,
    source: str | None = None,
    website: object = None,
    turnstile_token: str | None = None,
) -> None:
    """Record a signup and queue its mail, in one statement.

    `email` is normalised. A signup with a filled honeypot (`website`), or of an address that no
    person can be behind, is accepted and only counted. Raises Refused for consent texts or a
    magnet that do not fit and for a failed Turnstile check, and TooManySignups for a network over
    its limit.
    """
    config = services.config
    if services.turnstile:
        services.turnstile.check(turnstile_token)
    mailable = addresses.mailable(
        email, sender=config.mail_from, refuse_disposable=config.refuse_disposable
    )
    row = services.database.one(
        "subscriber_sign_up",
        email=email,
        consents=sorted(consents),
        magnet=magnet,
        locale=locale,
        source=source or None,
        heed=not website and mailable,
        suppression=suppressions.suppression_hash(email, config.hash_key),
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


def confirm(services: Services, *, token: str, context: Context) -> Confirmation:
    """Confirm the address behind the token, once, and hand out the file, each time.

    Raises TokenUnknown, TokenExpired,
    TokenUsedUp; and FileUnavailable when the confirmation stands but no URL can be had.
    """
    row = services.database.one(
        "subscriber_confirm",
        token_hash=tokens.token_hash(token),
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
        tokens.release(services, row["token_id"])
        raise


def renew_link(services: Services, *, token: str, context: Context) -> None:
    """Queue a mail with a fresh link to the token's owner; silent about everything else."""
    token_hash = tokens.token_hash(token)
    row = services.database.one(
        "subscriber_renew_link",
        token_hash=token_hash,
        ip=context.ip,
        user_agent=context.user_agent,
        cool_down=services.config.cool_down_seconds,
        **limits.of_renewal(services.config, token_hash),
    )
    if row and row["subscriber_id"]:
        limits.alarm(row)
        log.info("link_renewed", extra={"subscriber_id": str(row["subscriber_id"])})


def subscription(services: Services, subscriber_id: UUID) -> Row:
    """Status and newsletter, as the unsubscribe page shows them. Raises TokenUnknown."""
    row = services.database.one("subscriber_subscription", subscriber_id=subscriber_id)
    if row is None:
        raise TokenUnknown
    return row


def unsubscribe(services: Services, *, subscriber_id: UUID, gesture: str, context: Context) -> None:
    """End all mail to the subscriber; any number of times. Raises TokenUnknown after an erasure."""
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


def end_newsletter(
    services: Services, *, subscriber_id: UUID, gesture: str, context: Context
) -> Row:
    """End the newsletter alone, any number of times; the subscription that is left. Raises
    TokenUnknown after an erasure."""
    row = services.database.one(
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
