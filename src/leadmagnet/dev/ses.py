"""Reads a SendEmail request of Amazon SES v2, and refuses what SES refuses."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

MAX_RECIPIENTS = 50
MAX_HEADERS = 15
HEADER_NAME = re.compile(r"[!-9;-~]{1,126}")
HEADER_VALUE = re.compile(r"[ -~]{1,995}")
TAG = re.compile(r"[A-Za-z0-9_-]{1,256}")
# The local part and the domain must be ASCII; a display name comes as an encoded word.
ADDRESS = re.compile(r"[ -~]*[!-~]@[!-~]+")


class BadRequest(Exception):
    """What SES calls BadRequestException; the message is for the developer."""


def message(request: Mapping[str, Any]) -> dict[str, Any]:
    """The mail as the mailbox shows it; `request` keeps every field as it was sent."""
    sender = request.get("FromEmailAddress")
    if not sender:
        raise BadRequest("FromEmailAddress is missing")
    to, cc, bcc = _recipients(request)
    for address in (sender, *to, *cc, *bcc, *_list(request, "ReplyToAddresses")):
        if not isinstance(address, str) or not ADDRESS.fullmatch(address):
            raise BadRequest(f"not an ASCII address: {address!r}")
    content = _object(_object(request, "Content"), "Simple")
    subject = _data(content, "Subject")
    body = _object(content, "Body")
    text, html = _data(body, "Text"), _data(body, "Html")
    if subject is None or (text is None and html is None):
        raise BadRequest("Content.Simple needs a Subject and a Body with Text or Html")
    return {
        "id": f"{uuid.uuid4().hex[:16]}-{uuid.uuid4()}-000000",
        "receivedAt": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "to": to,
        "cc": cc,
        "bcc": bcc,
        "replyTo": _list(request, "ReplyToAddresses"),
        "from": sender,
        "subject": subject,
        "text": text,
        "html": html,
        "headers": _headers(content),
        "tags": _tags(request),
        "configurationSet": request.get("ConfigurationSetName"),
        "request": request,
    }


def _recipients(request: Mapping[str, Any]) -> tuple[list[Any], list[Any], list[Any]]:
    destination = _object(request, "Destination")
    kinds = ("ToAddresses", "CcAddresses", "BccAddresses")
    to, cc, bcc = (_list(destination, kind) for kind in kinds)
    if not 1 <= len(to + cc + bcc) <= MAX_RECIPIENTS:
        raise BadRequest(f"Destination needs 1 to {MAX_RECIPIENTS} addresses")
    return to, cc, bcc


def _headers(content: Mapping[str, Any]) -> dict[str, str]:
    pairs = _pairs(_list(content, "Headers"))
    if len(pairs) > MAX_HEADERS:
        raise BadRequest(f"at most {MAX_HEADERS} headers, not {len(pairs)}")
    for name, value in pairs:
        if not HEADER_NAME.fullmatch(name):
            raise BadRequest(f"not a header name of 1 to 126 printable ASCII characters: {name!r}")
        if not HEADER_VALUE.fullmatch(value):
            raise BadRequest(f"{name} must have 1 to 995 printable ASCII characters")
    return dict(pairs)


def _tags(request: Mapping[str, Any]) -> dict[str, str]:
    pairs = _pairs(_list(request, "EmailTags"))
    for pair in pairs:
        if not all(map(TAG.fullmatch, pair)):
            raise BadRequest(f"a tag has letters, digits, _ and - only (at most 256): {pair}")
    return dict(pairs)


def _pairs(items: list[Any]) -> list[tuple[str, str]]:
    if not all(isinstance(item, dict) for item in items):
        raise BadRequest("headers and tags are objects with Name and Value")
    return [(str(item.get("Name") or ""), str(item.get("Value") or "")) for item in items]


def _object(holder: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = holder.get(name)
    if not isinstance(value, dict):
        raise BadRequest(f"{name} is missing")
    return value


def _list(holder: Mapping[str, Any], name: str) -> list[Any]:
    value = holder.get(name, [])
    if not isinstance(value, list):
        raise BadRequest(f"{name} must be a list")
    return value


def _data(holder: Mapping[str, Any], name: str) -> str | None:
    if name not in holder:
        return None
    data = _object(holder, name).get("Data")
    if not isinstance(data, str):
        raise BadRequest(f"{name}.Data must be text")
    return data
