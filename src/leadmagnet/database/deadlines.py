"""A deadline for answers of the database that the database itself does not keep."""

from __future__ import annotations

import os
import socket
import threading
import time
from contextlib import suppress
from types import TracebackType
from typing import Any

import psycopg

LOOK_SECONDS = 0.1


class Deadlines:
    """Cuts connections whose answer is overdue.

    The server's own timeouts end what it works on. They do not end the wait for a server that is
    frozen or behind a network that swallows packets, which would hold a thread for minutes.
    """

    def __init__(self, seconds: float) -> None:
        self.ends: dict[psycopg.Connection[Any], float] = {}
        self.seconds = seconds
        self._stopped = threading.Event()

    def over(self, conn: psycopg.Connection[Any]) -> _Deadline:
        """While the context lasts, the connection has so many seconds to answer."""
        return _Deadline(self, conn)

    def start(self) -> None:
        self._stopped.clear()
        threading.Thread(target=self._watch, name="deadlines", daemon=True).start()

    def stop(self) -> None:
        self._stopped.set()

    def _watch(self) -> None:
        while not self._stopped.wait(LOOK_SECONDS):
            now = time.monotonic()
            for conn, end in list(self.ends.items()):
                if end < now:
                    self.ends.pop(conn, None)
                    _cut(conn)


class _Deadline:
    # A class, because it is entered by every request and a generator costs five times as much.
    __slots__ = ("_conn", "_deadlines")

    def __init__(self, deadlines: Deadlines, conn: psycopg.Connection[Any]) -> None:
        self._deadlines = deadlines
        self._conn = conn

    def __enter__(self) -> None:
        self._deadlines.ends[self._conn] = time.monotonic() + self._deadlines.seconds

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self._deadlines.ends.pop(self._conn, None)


def _cut(conn: psycopg.Connection[Any]) -> None:
    # Not closed: the thread that waits on it does that, which the end of the stream wakes.
    with suppress(OSError, psycopg.Error), socket.socket(fileno=os.dup(conn.fileno())) as wire:
        wire.shutdown(socket.SHUT_RDWR)
