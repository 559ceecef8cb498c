"""Reports errors to Sentry by type and place in the code, without personal data."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sentry_sdk.transport import Transport

# All of a request but what a client wrote: no body, cookies, query, headers, path or address.
KEPT_OF_A_REQUEST = ("method",)
# An address, a token or signature, a signed URL, an IP: whatever text they have come to be in.
PERSONAL = re.compile(
    r"[^\s\"'<>(),;]+@[^\s\"'<>(),;]+"
    r"|https?://[^\s\"'<>]+"
    r"|(?:[\w-]{8}-[\w-]{4}-[\w-]{4}-[\w-]{4}-[\w-]{12}\.)?[\w-]{43,}"
    r"|\b\d{1,3}(?:\.\d{1,3}){3}\b"
    r"|\b[0-9a-fA-F]{0,4}(?::[0-9a-fA-F]{0,4}){3,7}\b"
)


def start(dsn: str | None, *, transport: type[Transport] | None = None) -> None:
    """Without a DSN nothing happens, and nothing is imported."""
    if not dsn:
        return
    import sentry_sdk

    sentry_sdk.init(
        dsn=dsn,
        transport=transport,
        # The SDK's own defaults send local variables, source lines and bodies: addresses are there.
        include_local_variables=False,
        include_source_context=False,
        max_request_body_size="never",
        max_breadcrumbs=0,
        auto_session_tracking=False,
        server_name="leadmagnet",
        before_send=scrub,
        before_breadcrumb=lambda crumb, hint: None,
    )


def scrub(event: Any, hint: Any) -> Any:
    """Take out of an event what may name a person, whatever the SDK or a library put there."""
    event.pop("user", None)
    event.pop("extra", None)
    event.pop("breadcrumbs", None)
    if not str(event.get("logger", "")).startswith("leadmagnet"):
        # A library's message quotes what it was given; ours are constant words.
        event.pop("logentry", None)
    if "request" in event:
        request = event["request"]
        event["request"] = {name: request[name] for name in KEPT_OF_A_REQUEST if name in request}
    for exception in event.get("exception", {}).get("values", ()):
        # The message repeats what was typed: "Key (email)=(…) already exists".
        exception.pop("value", None)
    return _without_people(event)


def _without_people(value: Any) -> Any:
    if isinstance(value, str):
        return PERSONAL.sub("[removed]", value)
    if isinstance(value, dict):
        return {key: _without_people(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without_people(item) for item in value]
    return value
