"""Which URLs, and which addresses behind them, a webhook may be posted to: the public internet over
HTTPS, and hosts that the operator names."""

from __future__ import annotations

import re
from ipaddress import ip_address, ip_network
from typing import NamedTuple
from urllib.parse import urlsplit

from leadmagnet.errors import Refused

PORTS = {"https": 443, "http": 80}

# No space, control character, backslash or other alphabet: parsers differ over these.
_URL = re.compile(r"https?://[!-\[\]-~]{1,2000}", re.IGNORECASE)
# A name whose last label is a name: 127.1, 0x7f.1 and 2130706433 are addresses to a resolver.
_NAME = re.compile(r"(?=.{4,253}\Z)([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z][a-z0-9-]*[a-z0-9]")
# What is no host of the public internet though Python's `is_global` says yes.
_REFUSED = [
    ip_network(network)
    for network in (
        "168.63.129.16/32",  # Azure's own services, as its machines see them
        "192.0.0.0/24",  # IETF protocols; Oracle's metadata
        "192.88.99.0/24",  # relays of 6to4
        "224.0.0.0/4",  # multicast
        "2001::/23",  # IETF protocols, Teredo among them
        "2002::/16",  # 6to4, which a gateway turns into any IPv4 address
        "3fff::/20",  # documentation
    )
]
# Outside are NAT64, IPv4-mapped, site-local, unique local and multicast addresses.
_PUBLIC_IPV6 = ip_network("2000::/3")

EXEMPT = "named in WEBHOOK_ALLOW_HOSTS"


class Target(NamedTuple):
    https: bool
    host: str
    port: int
    # As the header Host has it.
    authority: str
    path: str
    exempt: bool


class EndpointRefused(Refused):
    """The URL is none that we post to; the message tells the operator why."""

    def __init__(self, message: str) -> None:
        super().__init__({"/url": "url_refused"})
        self.args = (message,)


def parse(url: str, allow_hosts: frozenset[str]) -> Target:
    """Raises EndpointRefused."""
    try:
        parts = urlsplit(url if _URL.fullmatch(url) else "")
        usual = PORTS[parts.scheme]
        host, port = parts.hostname or "", parts.port or usual
    except (ValueError, KeyError):
        raise EndpointRefused(
            "A webhook's URL looks like https://host/path, in ASCII without spaces."
        ) from None
    if "@" in parts.netloc or "#" in url:
        raise EndpointRefused("A webhook's URL has no user name, password or fragment.")
    name = f"[{host}]" if ":" in host else host
    authority = name if port == usual else f"{name}:{port}"
    exempt = not allow_hosts.isdisjoint((authority, f"{name}:{port}"))
    if not exempt and (parts.scheme, port) != ("https", 443):
        raise EndpointRefused(
            f"A webhook's URL starts with https:// and names no port, unless its host is {EXEMPT}."
        )
    if not exempt and not _NAME.fullmatch(host):
        raise EndpointRefused(
            f"A webhook's host is a full name in the DNS, not an address, or is {EXEMPT}."
        )
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(parts.scheme == "https", host, port, authority, path, exempt)


def is_public(address: str) -> bool:
    ip = ip_address(address)
    return (
        ip.is_global
        and (ip.version == 4 or ip in _PUBLIC_IPV6)
        and not any(ip in network for network in _REFUSED)
    )
