"""One way to write a JSON value as bytes, so that a digest or a signature of it means something."""

from __future__ import annotations

import json
from typing import Any


def encode(value: Any) -> bytes:
    """JSON as RFC 8785 (JCS) has it, for what we digest and sign: objects with ASCII names, arrays,
    text, whole numbers, booleans, null. No fractions: their form is the hard part of that RFC."""
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    ).encode()
