"""A deadline for answers of the database that the database itself does not keep."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
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

    @contextmanager
    def over(self, conn: psycopg.Connection[Any]) -> Iterator[None]:
        """While the context lasts, the connection has so many seconds to answer."""
        self.ends[conn] = time.monotonic() + self.seconds
        try:
            yield
        finally:
            self.ends.pop(conn, None)

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


def _cut(conn: psycopg.Connection[Any]) -> None:
    # Not closed: the thread that waits on it does that, which the end of the stream wakes.
    with suppress(OSError, psycopg.Error), socket.socket(fileno=os.dup(conn.fileno())) as wire:
        wire.shutdown(socket.SHUT_RDWR)
