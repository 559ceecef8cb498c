"""Keeps a failing database from taking every thread: a bulkhead and a circuit breaker."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from leadmagnet.errors import Unavailable

Clock = Callable[[], float]

# A healthy database finishes something every few milliseconds.
STALLED_SECONDS = 0.1
# So many slow failures of the same statement in a row, and the next ones fail without trying.
TRIPS = 4
SLOW_SECONDS = 0.5


class Bulkhead:
    """So many may be at the database, or wait for a connection to it, at the same time.

    The others wait only as long as others come through: a busy database serves everyone, one
    that stands still leaves the remaining threads free to say so.
    """

    def __init__(self, at_most: int, *, clock: Clock = time.monotonic) -> None:
        self._free = threading.Semaphore(at_most)
        self._clock = clock
        self._moved_at = clock()

    def enter(self) -> None:
        """Raise Unavailable when it is full and no one comes out."""
        free = self._free.acquire(blocking=False)
        while not free:
            if self._clock() - self._moved_at > STALLED_SECONDS:
                raise Unavailable("bulkhead_full")
            free = self._free.acquire(timeout=STALLED_SECONDS)
        self._moved_at = self._clock()

    def leave(self, *, served: bool) -> None:
        if served:
            self._moved_at = self._clock()
        self._free.release()


@dataclass
class _Run:
    """Of slow failures without a success in between."""

    failures: int = 0
    trying: bool = False


class CircuitBreaker:
    """After a run of slow failures the next ones fail at once, and one at a time tries.

    Counted by statement, so that a lock in the way of one stops no other.
    """

    def __init__(self) -> None:
        self._runs: dict[str, _Run] = {}
        self._lock = threading.Lock()

    def admit(self, name: str) -> bool:
        """Raise Unavailable while the circuit is open and another thread is trying; true for the
        one who tries."""
        run = self._runs.get(name)
        if run is None or run.failures < TRIPS:
            return False
        with self._lock:
            if run.trying:
                raise Unavailable("circuit_open")
            run.trying = True
        return True

    def succeeded(self, name: str) -> None:
        if self._runs:
            self._runs.pop(name, None)

    def failed(self, name: str, *, seconds: float, trying: bool) -> None:
        """A fast failure holds no thread and is not counted."""
        with self._lock:
            run = self._runs.setdefault(name, _Run())
            if trying:
                run.trying = False
            run.failures += seconds >= SLOW_SECONDS
