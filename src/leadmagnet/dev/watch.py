"""Waits that a signal, or the death of a child, ends at once."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import FrameType
from typing import Self

from leadmagnet.dev.processes import ENDING_SIGNALS, Child, stop


class StoppedBySignal(Exception):
    """This process was asked to stop."""


class ProcessError(Exception):
    """A child died or did not come up; the message says which, with its last output."""


class Watch:
    """Waits that end at once when a signal asks to stop or a watched child has died.

    The handler only takes a note. An exception out of it could strike between the birth of a
    child and the line that remembers it.
    """

    def __init__(self, *, tied_to_parent: bool = False) -> None:
        self._children: list[Child] = []
        self._asked_to_stop = False
        self._parent = os.getppid() if tied_to_parent else None
        self._restore = ExitStack()

    def __enter__(self) -> Self:
        for ending in ENDING_SIGNALS:
            # nohup ignores SIGHUP, on purpose.
            if ending == signal.SIGHUP and signal.getsignal(ending) == signal.SIG_IGN:
                continue
            self._restore.callback(signal.signal, ending, signal.signal(ending, self._take_note))
        return self

    def __exit__(self, *_: object) -> None:
        self._restore.close()

    def _take_note(self, number: int, frame: FrameType | None) -> None:
        self._asked_to_stop = True

    def over(self, child: Child) -> None:
        self._children.append(child)

    def pause(self, seconds: float = 0.1) -> None:
        """Raises StoppedBySignal or ProcessError when there is nothing to wait for any more."""
        time.sleep(seconds)
        if self._asked_to_stop or self._parent not in (None, os.getppid()):
            raise StoppedBySignal
        for child in self._children:
            if child.ended:
                raise ProcessError(child.death_notice())

    def until(self, condition: Callable[[], bool], *, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while not (met := condition()) and time.monotonic() < deadline:
            self.pause(0.05)
        return met

    def run(self, name: str, command: Sequence[str | Path], *, env: Mapping[str, str]) -> None:
        """Run a command to its end; its output goes where ours goes."""
        child = Child.start(name, command, env=env)
        try:
            while not child.ended:
                self.pause(0.05)
        finally:
            stop(child)
        if child.process.returncode:
            raise ProcessError(f"{name} failed (exit code {child.process.returncode})")
