"""Limits, counted in the database by keyed hashes: exact over all processes, naming nobody."""

from __future__ import annotations

import hmac
import ipaddress
import logging
from datetime import timedelta
from typing import Any

from leadmagnet import addresses
from leadmagnet.config import Config
from leadmagnet.db import Database
from leadmagnet.errors import TooManyGuesses

log = logging.getLogger(__name__)

HOUR = timedelta(hours=1)
# One row counted on by every signup would make them wait for each other: there are so many rows,
# each with its share of the hour's mails.
SLOTS = 8


def key(config: Config, scope: str, counted: str) -> bytes:
    """What a count is stored under: HMAC-SHA256, so that a copy of the table tells nothing."""
    return hmac.digest(config.hash_key, f"{scope}:{counted}".encode(), "sha256")


def network(ip: str | None) -> str:
    """The client's network: an IPv4 address, or the /64 of an IPv6 address, which is one home's.

    What is no address is one network: nobody gets a fresh count by sending nonsense.
    """
    if ip is None:
        return "unknown"
    address = ipaddress.ip_address(ip)
    if address.version == 4:
        return str(address)
    return str(ipaddress.IPv6Address(int(address) >> 64 << 64))


def of_signup(config: Config, *, email: str, ip: str | None) -> dict[str, Any]:
    """The parameters by which a signup is counted."""
    address_key = key(config, "address", addresses.folded(email))
    slot = address_key[0] % SLOTS
    return {
        "network_key": key(config, "signup", network(ip)),
        "network_limit": config.signups_per_hour,
        "address_key": address_key,
        "slot": slot,
        **_of_mail(config, slot),
    }


def of_renewal(config: Config, token_hash: bytes) -> dict[str, Any]:
    """The parameters by which a fresh link is counted; its address the statement finds itself."""
    return _of_mail(config, token_hash[0] % SLOTS)


def _of_mail(config: Config, slot: int) -> dict[str, Any]:
    return {
        "address_limit": config.mails_per_address,
        "address_window": config.mails_per_address_days,
        "hour_key": key(config, "hour", str(slot)),
        "hour_limit": config.mails_per_hour // SLOTS,
    }


def alarm(row: dict[str, Any]) -> None:
    """Say it when a statement has begun to book mails into the next hour."""
    if row["ceiling_reached"]:
        log.error("mail_ceiling_reached")


def count_guess(database: Database, config: Config, *, ip: str | None) -> None:
    """Count an unknown token. Raises TooManyGuesses when the network has had its share."""
    row = database.one(
        "limit_guess",
        key=key(config, "guess", network(ip)),
        at_most=config.guesses_per_hour,
        life=HOUR,
    )
    if row and not row["allowed"]:
        raise TooManyGuesses(limit=config.guesses_per_hour, window=HOUR, seconds=row["seconds"])


def purge(database: Database) -> None:
    """Delete counts whose window has ended."""
    database.one("limit_purge")
