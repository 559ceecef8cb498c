"""The worker's threads: each lane repeats one piece of work until it is told to stop."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from leadmagnet.errors import Unavailable

log = logging.getLogger(__name__)

AFTER_FAILURE_SECONDS = 1.0


class Wakeup:
    """Ends the wait of one lane at each ring; once closed, no thread waits any more."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._rung = self._closed = False

    def ring(self) -> None:
        with self._changed:
            self._rung = True
            self._changed.notify()

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def wait(self) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._rung or self._closed)
            self._rung = False


Taken = TypeVar("Taken")


class Lanes(Generic[Taken]):
    """`threads` threads that do the same work: `take` a piece of it, `carry` it out, and again,
    until there is none left to take (None); then they wait for the next ring.

    Whatever goes wrong in a lane ends neither the lane nor another one.
    """

    def __init__(
        self,
        name: str,
        take: Callable[[], Taken | None],
        carry: Callable[[Taken], object],
        *,
        threads: int = 1,
    ) -> None:
        self.wakeup = Wakeup()
        self._name = name
        self._take = take
        self._carry = carry
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._run, name=f"{name}-{number}")
            for number in range(1, threads + 1)
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Nothing new is begun; what is in hand is finished."""
        self._stop.set()
        self.wakeup.close()

    def join(self) -> None:
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        available = True
        while not self._stop.is_set():
            try:
                taken = self._take()
                if taken is not None:
                    # Perhaps there is more than this thread can carry: another one looks as well.
                    self.wakeup.ring()
                    self._carry(taken)
            except Unavailable:
                if available:
                    log.warning("database_unavailable", extra={"lane": self._name})
                available = False
                self._stop.wait(AFTER_FAILURE_SECONDS)
                continue
            except Exception:
                # A fault in one piece of work must not end the process and all other work with it.
                log.exception("lane_failed", extra={"lane": self._name})
                self._stop.wait(AFTER_FAILURE_SECONDS)
                continue
            available = True
            if taken is None:
                self.wakeup.wait()
