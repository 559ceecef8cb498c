"""Limits, counted in the database by keyed hashes: exact over all processes, naming no one."""

from __future__ import annotations

import ipaddress
from datetime import timedelta
from typing import Any

from leadmagnet import addresses, hashes
from leadmagnet.config import Config
from leadmagnet.errors import LimitReached, TooManyFailedKeys, TooManyGuesses
from leadmagnet.services import Services

HOUR = timedelta(hours=1)
FAILED_KEYS_PER_HOUR = 20
PURGE_BATCH = 1000
# A client also counts towards the wider networks it is in. These are generous, for they hold many
# people; they stop an attacker who has a whole network to change addresses in.
WIDER_IPV4 = ((24, 16),)
WIDER_IPV6 = ((56, 4), (48, 16))
NAT64 = tuple(map(ipaddress.IPv6Network, ("64:ff9b::/96", "64:ff9b:1::/48")))


def limit_key(config: Config, scope: str, counted: str) -> bytes:
    """What a count is stored under, so that a copy of the table tells nothing."""
    return hashes.hmac_sha256(config.hash_key, scope, counted)


def address_key(config: Config, email: str, *, scope: str = "address") -> bytes:
    """What the mails to a mailbox are counted under, whatever its spelling."""
    return limit_key(config, scope, addresses.folded(email))


def networks(ip: str | None) -> list[tuple[str, int]]:
    """The client's networks from the narrowest to the widest, and how many times the limit of one
    client each of them has.

    The narrowest is an IPv4 address, or the /64 of an IPv6 address, which is one home's. What is
    no address is one network: sending nonsense gives no fresh count.
    """
    if ip is None:
        return [("unknown", 1)]
    address = _embedded_ipv4(ipaddress.ip_address(ip))
    if address.version == 4:
        return [(str(address), 1), *_wider(address, WIDER_IPV4)]
    return [(_network(address, 64), 1), *_wider(address, WIDER_IPV6)]


def network(ip: str | None) -> str:
    """The narrowest of the client's networks."""
    return networks(ip)[0][0]


Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def _embedded_ipv4(address: Address) -> Address:
    """The IPv4 address inside of an IPv6 one that is merely its form: mapped, 6to4, NAT64."""
    if isinstance(address, ipaddress.IPv6Address):
        if embedded := address.ipv4_mapped or address.sixtofour:
            return embedded
        if any(address in network for network in NAT64):
            return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def _wider(address: Address, prefixes: tuple[tuple[int, int], ...]) -> list[tuple[str, int]]:
    return [(f"{_network(address, bits)}/{bits}", times) for bits, times in prefixes]


def _network(address: Address, bits: int) -> str:
    host_bits = address.max_prefixlen - bits
    return str(type(address)(int(address) >> host_bits << host_bits))


def of_network(config: Config, error: type[LimitReached], *, ip: str | None) -> dict[str, Any]:
    """The parameters by which a request is counted in its networks."""
    counted = networks(ip)
    return {
        "network_keys": [limit_key(config, error.name, name) for name, _ in counted],
        "network_limits": [config.signups_per_hour * times for _, times in counted],
    }


def of_mailbox(config: Config) -> dict[str, Any]:
    """The parameters of the mailbox limit: the rule is `lm_mailbox_full`
    (R__lm_counts.sql)."""
    return {
        "mailbox_limit": config.mails_per_mailbox,
        "mailbox_window": config.mails_per_mailbox_days,
    }


def check_network(services: Services, error: type[LimitReached], *, ip: str | None) -> None:
    """Raise the error for a network over its limit; nothing is counted."""
    row = services.database.one("limit_look", **of_network(services.config, error, ip=ip))
    if row and row["seconds"] is not None:
        limit = services.config.signups_per_hour
        raise error(limit=limit, window=HOUR, seconds=row["seconds"])


def count_guess(services: Services, *, ip: str | None) -> None:
    """Count an unknown token. Raises TooManyGuesses when the network has had its share."""
    _count_failure(services, TooManyGuesses, ip=ip, at_most=services.config.guesses_per_hour)


def count_failed_key(services: Services, *, ip: str | None) -> None:
    """Count a wrong key of the admin API. Raises TooManyFailedKeys when the network has had its
    share."""
    _count_failure(services, TooManyFailedKeys, ip=ip, at_most=FAILED_KEYS_PER_HOUR)


def _count_failure(
    services: Services, error: type[LimitReached], *, ip: str | None, at_most: int
) -> None:
    row = services.database.one(
        "limit_count",
        key=limit_key(services.config, error.name, network(ip)),
        at_most=at_most,
        lasting=HOUR,
    )
    if row and not row["allowed"]:
        raise error(limit=at_most, window=HOUR, seconds=row["seconds"])


def purge(services: Services) -> None:
    """Delete counts whose window has ended, all of them: a flood leaves many."""
    deleted = PURGE_BATCH
    while deleted == PURGE_BATCH:
        row = services.database.one("limit_purge", batch=PURGE_BATCH)
        deleted = row["deleted"] if row else 0
