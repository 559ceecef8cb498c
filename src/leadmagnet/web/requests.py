"""What every answer carries: security headers, the request's id, CORS for the listed origins."""

from __future__ import annotations

import logging
import random
import re
import time
from collections.abc import Callable

from flask import Flask, Response, g, request

log = logging.getLogger("leadmagnet.requests")

SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Vary": "Origin, Accept-Language",
}
BEHIND_TLS = "max-age=31536000; includeSubDomains"
PREFLIGHT = {
    "Access-Control-Allow-Methods": "GET, POST",
    "Access-Control-Allow-Headers": "Content-Type, Accept-Language",
    "Access-Control-Max-Age": "3600",
}
# Called by the site's server, never by a browser: no origin may.
PRIVATE = "/api/admin/"
EXPOSED = "RateLimit, RateLimit-Policy, Retry-After, X-Request-Id"


Observe = Callable[[str, str, int, float], None]


def install(
    app: Flask, *, origins: frozenset[str], behind_proxy: bool, observe: Observe | None = None
) -> None:
    """Start each request with an id and a clock; end it with headers and one log line.

    `observe(route, method, status, seconds)` is called for each response.
    """
    app.before_request(_start(behind_proxy))
    app.before_request(_preflight(origins))
    app.after_request(_finish(origins, observe))


def _start(behind_proxy: bool) -> Callable[[], None]:
    def start() -> None:
        g.started = time.perf_counter()
        given = request.headers.get("X-Request-Id", "") if behind_proxy else ""
        # Our proxy's id, so that both logs tell of one request; never a text of the client's.
        known = re.fullmatch("[0-9a-f]{32}", given)
        # An id, not a secret: no need to ask the system for randomness.
        g.request_id = given if known else f"{random.getrandbits(128):032x}"

    return start


def _preflight(origins: frozenset[str]) -> Callable[[], Response | None]:
    def answer() -> Response | None:
        if request.method != "OPTIONS" or "Access-Control-Request-Method" not in request.headers:
            return None
        allowed = _may_read(request.origin, origins)
        return Response(status=204, headers=PREFLIGHT if allowed else None)

    return answer


def _may_read(origin: str | None, origins: frozenset[str]) -> bool:
    return origin in origins and not request.path.startswith(PRIVATE)


def _finish(origins: frozenset[str], observe: Observe | None) -> Callable[[Response], Response]:
    def finish(response: Response) -> Response:
        added = SECURITY_HEADERS | {"X-Request-Id": g.request_id}
        if request.scheme == "https":
            added["Strict-Transport-Security"] = BEHIND_TLS
        if request.path.startswith(PRIVATE):
            added["X-Robots-Tag"] = "noindex"
        origin = request.headers.get("Origin")
        if origin and _may_read(origin, origins):
            added["Access-Control-Allow-Origin"] = origin
            added["Access-Control-Expose-Headers"] = EXPOSED
        # What a route has set itself stays.
        own = {name for name, _ in response.headers}
        response.headers.extend([header for header in added.items() if header[0] not in own])
        _log(response, observe)
        return response

    return finish


def _log(response: Response, observe: Observe | None) -> None:
    # The rule, not the path: paths hold tokens.
    rule = request.url_rule
    route, method = (rule.rule, request.method) if rule else (None, "-")
    seconds = time.perf_counter() - g.started
    extra = {
        "method": method,
        "route": route,
        "status": response.status_code,
        "ms": round(seconds * 1000, 1),
        "request_id": g.request_id,
    }
    log.info("request", extra=extra)
    if observe:
        observe(route or "-", method, response.status_code, seconds)
