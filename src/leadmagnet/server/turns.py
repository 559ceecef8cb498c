"""Shares a worker's threads among clients, so that no single one holds them all."""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from typing import Any


class Turns:
    """At most `running` connections of one client are with a thread, the others wait their turn.

    Used by the main loop alone, except for `waits`.
    """

    def __init__(self, *, running: int, open_: int) -> None:
        self.most_open = open_
        self._most_running = running
        self._running: Counter[str] = Counter()
        self._waiting: defaultdict[str, deque[Any]] = defaultdict(deque)

    def take(self, client: str, conn: Any) -> bool:
        """Whether the connection may go to a thread now; otherwise it waits here."""
        if self._running[client] < self._most_running:
            self._running[client] += 1
            return True
        self._waiting[client].append(conn)
        return False

    def give_back(self, client: str) -> Any | None:
        """A thread is done with one of the client's; its next one, if any, has the turn."""
        if waiting := self._waiting.get(client):
            following = waiting.popleft()
            if not waiting:
                del self._waiting[client]
            return following
        self._running[client] -= 1
        if not self._running[client]:
            del self._running[client]
        return None

    def waits(self, client: str) -> bool:
        return client in self._waiting

    def open_of(self, client: str) -> int:
        return self._running[client] + len(self._waiting.get(client, ()))
