"""Reads a request's body as strictly as RFC 8259 allows, before anything believes it."""

from __future__ import annotations

from typing import Any

from flask import Request
from webargs.flaskparser import FlaskParser
from werkzeug.exceptions import (
    BadRequest,
    ClientDisconnected,
    HTTPException,
    RequestEntityTooLarge,
    RequestTimeout,
    UnsupportedMediaType,
)

from leadmagnet import strict_json


class JsonMalformed(BadRequest):
    """Not one JSON object in UTF-8."""


class StrictParser(FlaskParser):
    """`application/json`, UTF-8: one object, no duplicate name, NaN, half surrogate, deep nest."""

    def load_json(self, req: Request, schema: Any) -> Any:
        data = read(req)
        charset = req.mimetype_params.get("charset", "utf-8")
        if req.mimetype != "application/json" or charset.lower() != "utf-8" or not _is_utf_8(data):
            raise UnsupportedMediaType
        return parse_object(data)


def _is_utf_8(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    # UTF-16 and UTF-32 without a byte order mark decode, too: JSON begins with ASCII, so that one
    # of its first two bytes is zero there, and never in UTF-8.
    return b"\0" not in data[:2]


def read(req: Request) -> bytes:
    """The whole body. Raises RequestEntityTooLarge (413), RequestTimeout (408), BadRequest (400).

    Read even where it is not needed, so that too large a body is refused everywhere.
    """
    try:
        data = req.get_data()
    except ClientDisconnected:
        raise RequestTimeout from None
    except HTTPException:
        raise
    except Exception:
        # What a server raises for a broken transfer is its own affair; it is the client's doing.
        raise BadRequest from None
    if req.content_length is None:
        if len(data) == req.max_content_length:
            # Werkzeug cuts a chunked body off at the limit without a word.
            raise RequestEntityTooLarge
    elif len(data) < req.content_length:
        # The server has ended the wait for the rest, or the client has.
        raise RequestTimeout
    return data


def parse_object(data: bytes) -> dict[str, Any]:
    """The one JSON object that `data` is. Raises JsonMalformed."""
    try:
        return strict_json.parse_object(data)
    except ValueError:
        raise JsonMalformed from None


def lenient_object(data: bytes) -> dict[str, Any]:
    """The one JSON object that `data` is, or an empty one where any body is as good as none."""
    try:
        return parse_object(data)
    except JsonMalformed:
        return {}
