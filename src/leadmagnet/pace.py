"""Answers that leave on the beat, so that how long they took says nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def on_the_beat(
    beat: float, *, clock: Callable[[], float], sleep: Callable[[float], None]
) -> Iterator[None]:
    """End a whole number of beats after the beginning; `beat` is in seconds, 0 for none.

    What fails, fails at once: a failure depends on what was sent, never on who is listed.
    """
    started = clock()
    yield
    if beat:
        sleep(beat - (clock() - started) % beat)
