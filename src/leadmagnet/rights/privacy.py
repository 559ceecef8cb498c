"""A person's rights over their data: access, portability, erasure, objection."""

from __future__ import annotations

import logging
from typing import Any
from uuid import UUID

from leadmagnet import addresses
from leadmagnet.consent import suppressions
from leadmagnet.database import Row
from leadmagnet.errors import TokenExpired, TokenUnknown
from leadmagnet.funnel import tokens
from leadmagnet.rights import erasures
from leadmagnet.services import Services

log = logging.getLogger(__name__)


def describe(services: Services, *, token: str) -> Row:
    """Whose link it is, masked, its end and its language. Raises TokenUnknown, TokenExpired."""
    link = services.database.one("privacy_link", token_hash=tokens.hash_of(token))
    if link is None:
        raise TokenUnknown
    if not link["live"]:
        raise TokenExpired
    return {
        "email": addresses.masked(link["email"]),
        "expires_at": link["expires_at"],
        "locale": link["locale"],
    }


def export(services: Services, *, token: str) -> dict[str, Any]:
    """Everything held about the owner of the link. Raises TokenUnknown, TokenExpired."""
    token_hash = tokens.hash_of(token)
    row = services.database.one("privacy_export", token_hash=token_hash, subscriber_id=None)
    if row is None:
        raise TokenUnknown
    if not row["live"]:
        raise TokenExpired
    held: dict[str, Any] = row["held"]
    log.info("privacy_exported", extra={"subscriber_id": held["subscriber"]["id"]})
    return held


def show(services: Services, subscriber_id: UUID) -> dict[str, Any] | None:
    """The same for an operator; None when there is no such subscriber."""
    row = services.database.one("privacy_export", token_hash=None, subscriber_id=subscriber_id)
    if row is None:
        return None
    log.info("subscriber_shown", extra={"subscriber_id": str(subscriber_id)})
    held: dict[str, Any] = row["held"]
    return held


def erase(services: Services, *, token: str, objects: bool) -> None:
    """Erase the owner of the link; if they object, suppress their address.

    Repeated, it has the same effect and answer, but for an objection that comes after the
    erasure: the address is gone, so there is nothing to remember it by. Raises TokenUnknown then,
    and for a foreign token; TokenExpired.
    """
    token_hash = tokens.hash_of(token)
    link = services.database.one("privacy_link", token_hash=token_hash)
    if link and not link["live"]:
        raise TokenExpired
    if link and erasures.erase(
        services,
        link["subscriber_id"],
        by="person",
        token_hash=token_hash,
        address_hash=(
            suppressions.suppression_hash(link["email"], services.config.hash_key)
            if objects
            else None
        ),
    ):
        return
    done = erasures.of_link(services, token_hash)
    if done is None or (objects and not done["objected"]):
        raise TokenUnknown
