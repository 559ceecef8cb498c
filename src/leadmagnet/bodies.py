"""Reads a request's body as strictly as RFC 8259 allows, before anything believes it."""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn

from flask import Request
from webargs.flaskparser import FlaskParser
from werkzeug.exceptions import BadRequest, UnsupportedMediaType


class JsonMalformed(BadRequest):
    """Not one JSON object in UTF-8."""


class StrictParser(FlaskParser):
    """`application/json` only; one object; no duplicate name, NaN, lone surrogate or deep nest."""

    def load_json(self, req: Request, schema: Any) -> Any:
        if req.mimetype != "application/json":
            raise UnsupportedMediaType
        return parse_object(req.get_data())


def parse_object(data: bytes) -> dict[str, Any]:
    """The one JSON object that `data` is. Raises JsonMalformed."""
    try:
        value = json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_object,
            parse_constant=_refuse,
            parse_float=_finite,
        )
        if b"\\u" in data:
            # An escaped half of a surrogate pair is text that nothing can store or send on.
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except (ValueError, RecursionError):
        raise JsonMalformed from None
    if not isinstance(value, dict):
        raise JsonMalformed
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("duplicate name")
    return value


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(text)
    return value
