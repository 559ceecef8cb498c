"""Limits, counted in the database by keyed hashes: exact over all processes, naming nobody."""

from __future__ import annotations

import ipaddress
import logging
from datetime import timedelta
from typing import Any

from leadmagnet import addresses, hashes
from leadmagnet.config import Config
from leadmagnet.errors import LimitReached, TooManyGuesses, TooManyPrivacyRequests
from leadmagnet.services import Services

log = logging.getLogger(__name__)

HOUR = timedelta(hours=1)
# One row counted on by every signup would make them wait for each other: there are so many rows,
# each with its share of the hour's mails.
SLOTS = 8


def limit_key(config: Config, scope: str, counted: str) -> bytes:
    """What a count is stored under, so that a copy of the table tells nothing."""
    return hashes.hmac_sha256(config.hash_key, scope, counted)


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
    address_key = limit_key(config, "address", addresses.folded(email))
    slot = address_key[0] % SLOTS
    return {
        "network_key": limit_key(config, "signup", network(ip)),
        "network_limit": config.signups_per_hour,
        "address_key": address_key,
        "slot": slot,
        **_of_mail(config, slot),
    }


def of_renewal(config: Config, token_hash: bytes) -> dict[str, Any]:
    """The parameters by which a fresh link is counted; its address the statement finds itself."""
    return _of_mail(config, token_hash[0] % SLOTS)


def of_privacy_request(config: Config, *, email: str) -> dict[str, Any]:
    """The parameters by which a mail with a privacy link is counted: apart from those that signups
    cause, so that these do not stand between a person and her rights."""
    address_key = limit_key(config, "privacy_address", addresses.folded(email))
    return {"address_key": address_key, **_of_address(config)}


def _of_address(config: Config) -> dict[str, Any]:
    return {
        "address_limit": config.mails_per_address,
        "address_window": config.mails_per_address_days,
    }


def _of_mail(config: Config, slot: int) -> dict[str, Any]:
    return {
        **_of_address(config),
        "hour_key": limit_key(config, "hour", str(slot)),
        "hour_limit": config.mails_per_hour // SLOTS,
    }


def alarm(row: dict[str, Any]) -> None:
    """Say it when a statement has begun to book mails into the next hour."""
    if row["ceiling_reached"]:
        log.error("mail_ceiling_reached")


def count_guess(services: Services, *, ip: str | None) -> None:
    """Count an unknown token. Raises TooManyGuesses when the network has had its share."""
    _count_try(services, TooManyGuesses, ip=ip, at_most=services.config.guesses_per_hour)


def count_privacy_request(services: Services, *, ip: str | None) -> None:
    """Count a request for a privacy link, as often allowed as signups. Raises
    TooManyPrivacyRequests when the network has had its share."""
    _count_try(services, TooManyPrivacyRequests, ip=ip, at_most=services.config.signups_per_hour)


def _count_try(
    services: Services, error: type[LimitReached], *, ip: str | None, at_most: int
) -> None:
    row = services.database.one(
        "limit_try",
        key=limit_key(services.config, error.name, network(ip)),
        at_most=at_most,
        life=HOUR,
    )
    if row and not row["allowed"]:
        raise error(limit=at_most, window=HOUR, seconds=row["seconds"])


def purge(services: Services) -> None:
    """Delete counts whose window has ended."""
    services.database.run("limit_purge")
