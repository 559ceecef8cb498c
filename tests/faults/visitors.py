"""Visitors of the site who sign up, many at once, and write down every answer."""

from __future__ import annotations

import http.client
import itertools
import json
import threading
import time
from collections.abc import Sequence
from typing import NamedTuple, Self

from tests.support.settings import API, DELIVERY

_numbers = itertools.count(1)


class Answer(NamedTuple):
    """`failure` is set instead of a status when a written request got no whole answer."""

    address: str
    status: int
    body: bytes
    retry_after: str | None
    at: float
    seconds: float
    failure: str | None = None


def sign_up(connection: http.client.HTTPConnection, address: str) -> Answer:
    """One signup on an open connection; whatever goes wrong now is the server's doing."""
    started = time.monotonic()
    # From a /48 of their own, told by a proxy that is believed: limits are not the subject here.
    number = int("".join(filter(str.isdigit, address)) or 0)
    network = f"2001:db8:{number & 0xFFFF:x}:{number >> 16 & 0xFFFF:x}::1"
    try:
        connection.request(
            "POST",
            f"{API}/signup",
            body=json.dumps({"email": address, "consents": [DELIVERY]}).encode(),
            headers={"Content-Type": "application/json", "X-Forwarded-For": network},
        )
        answer = connection.getresponse()
        body = answer.read()
    except (OSError, http.client.HTTPException) as error:
        connection.close()
        now = time.monotonic()
        return Answer(address, 0, b"", None, now, now - started, type(error).__name__)
    now = time.monotonic()
    retry_after = answer.headers["Retry-After"]
    return Answer(address, answer.status, body, retry_after, now, now - started)


class Visitors:
    """Each has an address of her own and tries until she is accepted, then the next one comes.

    Those with an even number keep their connection, as a proxy does; the others open a new one
    for each request. A connection that is refused was never the server's: it is tried at the
    next port, and not counted.
    """

    def __init__(self, ports: Sequence[int], *, at_once: int, pause: float = 0.0) -> None:
        self.answers: list[Answer] = []
        self._ports = itertools.cycle(ports)
        self._pause = pause
        self._stop = threading.Event()
        self._invitations = threading.Semaphore(0)
        self._threads = [
            threading.Thread(target=self._come, args=(number % 2 == 0,))
            for number in range(at_once)
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Nobody is invited any more; who is on her way arrives."""
        self._stop.set()
        self._invitations.release(len(self._threads))
        for thread in self._threads:
            thread.join()

    def invite(self, count: int) -> None:
        if count > 0:
            self._invitations.release(count)

    @property
    def accepted(self) -> set[str]:
        return {answer.address for answer in list(self.answers) if answer.status == 202}

    @property
    def failures(self) -> list[Answer]:
        """Requests that were written and got no whole answer."""
        return [answer for answer in list(self.answers) if answer.failure]

    @property
    def refusals(self) -> list[Answer]:
        return [answer for answer in list(self.answers) if answer.status not in (0, 202)]

    @property
    def bodies(self) -> set[bytes]:
        """What the accepted were told: the same bytes, all of them."""
        return {answer.body for answer in list(self.answers) if answer.status == 202}

    def _come(self, keeps_connection: bool) -> None:
        connection: http.client.HTTPConnection | None = None
        while self._invitations.acquire() and not self._stop.is_set():
            address = f"visitor{next(_numbers)}@example.org"
            while True:
                # http.client forgets the socket when the answer said `Connection: close`.
                if connection is None or connection.sock is None or not keeps_connection:
                    connection = self._connect(connection)
                answer = sign_up(connection, address)
                self.answers.append(answer)
                if answer.status == 202:
                    break
                self._wait(max(self._pause, 0.05))
            self._wait(self._pause)
        if connection is not None:
            connection.close()

    def _connect(self, former: http.client.HTTPConnection | None) -> http.client.HTTPConnection:
        if former is not None:
            former.close()
        deadline = time.monotonic() + 60
        while True:
            connection = http.client.HTTPConnection("127.0.0.1", next(self._ports), timeout=20)
            try:
                connection.connect()
            except OSError:
                if time.monotonic() > deadline:
                    raise
                self._wait(0.02)
            else:
                return connection

    def _wait(self, seconds: float) -> None:
        # Not cut short by the end: a visitor on her way would hammer.
        if seconds:
            threading.Event().wait(seconds)
