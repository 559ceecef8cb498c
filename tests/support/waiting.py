"""Waiting for something to be so, never for a time to pass."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")


class Failed(AssertionError):
    """A promise was broken; the message says which."""


def require(kept: object, promise: str) -> None:
    if not kept:
        raise Failed(promise)


def until(look: Callable[[], Found], *, seconds: float, what: str) -> Found:
    """What `look` returns once that is true. Raises Failed when it stays false for too long."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        if time.monotonic() > deadline:
            raise Failed(f"not within {seconds:g} s: {what}")
        time.sleep(0.01)
    return found
