"""What a route needs from the request: the services, and the client behind it."""

from __future__ import annotations

import ipaddress
from typing import cast

from flask import current_app, request

from leadmagnet.funnel.requests import Context
from leadmagnet.services import Services


def services() -> Services:
    return cast(Services, current_app.extensions["leadmagnet"])


def context() -> Context:
    """Client address and user agent; an unparsable address is stored as NULL."""
    agent = request.headers.get("User-Agent", "")[:500]
    if not agent.isprintable():
        agent = "".join(c for c in agent if c.isprintable())
    return Context(_ip(request.remote_addr or ""), agent or None)


def _ip(text: str) -> str | None:
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return str(getattr(address, "ipv4_mapped", None) or address)
