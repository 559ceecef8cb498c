"""A person's rights over what is held about her: to be told, to take it along, to be forgotten."""

from __future__ import annotations

import logging
from typing import Any

from leadmagnet.config import Config
from leadmagnet.database import Database
from leadmagnet.errors import TokenExpired, TokenUnknown
from leadmagnet.funnel import limits, tokens
from leadmagnet.mail import suppressions
from leadmagnet.rights import erasures

log = logging.getLogger(__name__)


def ask(database: Database, *, email: str, ip: str | None, config: Config) -> None:
    """Queue the mail with the link, if the address is listed; silent about that. Raises
    TooManyPrivacyRequests for a network over its limit."""
    limits.count_privacy_request(database, config, ip=ip)
    row = database.one(
        "privacy_ask",
        email=email,
        cool_down=config.privacy_link_minutes,
        **limits.of_privacy_request(config, email=email),
    )
    if row and row["subscriber_id"]:
        log.info("privacy_asked", extra={"subscriber_id": str(row["subscriber_id"])})


def export(database: Database, *, token: str) -> dict[str, Any]:
    """Everything held about the owner of the link. Raises TokenUnknown, TokenExpired."""
    row = database.one("privacy_export", token_hash=tokens.hashed(token))
    if row is None:
        raise TokenUnknown
    if not row["live"]:
        raise TokenExpired
    held: dict[str, Any] = row["held"]
    log.info("privacy_exported", extra={"subscriber_id": held["subscriber"]["id"]})
    return held


def erase(database: Database, *, token: str, objects: bool, hash_key: bytes) -> None:
    """Erase the owner of the link; if she objects, never write to her address again.

    Pressed again it has the same effect and answer, but for an objection that comes after the
    erasure: the address is gone, so there is nothing to remember it by. Raises TokenUnknown then,
    and for a foreign token; TokenExpired.
    """
    token_hash = tokens.hashed(token)
    link = database.one("privacy_link", token_hash=token_hash)
    if link and not link["live"]:
        raise TokenExpired
    if link and erasures.erase(
        database,
        link["subscriber_id"],
        by="person",
        token_hash=token_hash,
        address_hash=suppressions.hashed(link["email"], hash_key) if objects else None,
    ):
        return
    done = erasures.of_link(database, token_hash)
    if done is None or (objects and not done["objected"]):
        raise TokenUnknown
