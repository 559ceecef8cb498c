"""Pads response times to a fixed step, against timing attacks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def on_the_beat(
    beat: float, *, clock: Callable[[], float], sleep: Callable[[float], None]
) -> Iterator[None]:
    """End after a whole number of steps; `beat` is the step in seconds, 0 turns padding off.

    Errors are not padded: they depend only on the request, never on who is on the list.
    """
    started = clock()
    yield
    if beat:
        sleep(beat - (clock() - started) % beat)
