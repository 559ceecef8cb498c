"""Reads JSON that can be read in one way only: whoever reads it after us finds the same in it."""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn


class DuplicateName(ValueError):
    """An object has two members of one name, of which each reader takes another."""


def parse_object(data: bytes) -> dict[str, Any]:
    """The one JSON object that `data` is, in UTF-8: no duplicate name, NaN, half surrogate, deep
    nest. Raises ValueError."""
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
    except RecursionError:
        raise ValueError("nested too deep") from None
    if not isinstance(value, dict):
        raise ValueError("no object")
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise DuplicateName
    return value


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(text)
    return value
