"""Reads the settings that say where something is: sites, hosts, and names within AWS."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

# As a container network may have it, too: n8n_web.
HOST = r"[a-z0-9_]([a-z0-9._-]{0,251}[a-z0-9_])?|\[[0-9a-f:.]+\]"


def web_origin(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.netloc or parts.query or parts.fragment:
        raise ValueError("must be an http(s) address without query, like https://www.example.org")
    if not value.isascii():
        raise ValueError("must be ASCII: write the domain in punycode, like xn--lumire-4ua.example")
    return value.rstrip("/")


def origins(value: str) -> tuple[str, ...]:
    return tuple(map(web_origin, _items(value)))


def host(value: str) -> str:
    """An IPv6 address without its brackets."""
    if not re.fullmatch(HOST + "|[0-9a-f:.]+", value.lower()):
        raise ValueError("must be an address of this machine, like 127.0.0.1")
    return value.strip("[]")


def host_names(value: str) -> frozenset[str]:
    names = _items(value.lower())
    if not all(re.fullmatch(HOST, name) for name in names):
        raise ValueError("must hold names of hosts, like www.example.org")
    return frozenset(names)


def hosts_and_ports(value: str) -> frozenset[str]:
    hosts = _items(value.lower())
    if not all(re.fullmatch(f"({HOST})(:[0-9]{{1,5}})?", host) for host in hosts):
        raise ValueError("must hold hosts or host:port, like n8n:5678")
    return frozenset(hosts)


def bucket(value: str) -> str:
    if not re.fullmatch(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]|arn:.+", value):
        raise ValueError("must be a bucket's name: 3 to 63 small letters, digits, hyphens and dots")
    return value


def configuration_set(value: str) -> str:
    if not re.fullmatch("[A-Za-z0-9_-]{1,64}", value):
        raise ValueError("must be a name of at most 64 letters, digits, hyphens and underscores")
    return value


def topics(value: str) -> tuple[str, ...]:
    arns = _items(value)
    if any(len(arn.split(":")) != 6 or ":sns:" not in arn for arn in arns):
        raise ValueError("must hold ARNs, like arn:aws:sns:eu-west-3:123456789012:ses-events")
    return tuple(arns)


def _items(value: str) -> list[str]:
    return [item.strip() for item in value.split(",") if item.strip()]
