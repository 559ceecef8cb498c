"""Signup and confirm are one database round trip each, counted on the wire."""

from __future__ import annotations

import socket
import threading
from urllib.parse import urlsplit

import pytest

from leadmagnet.database import Database
from leadmagnet.services import Services
from tests.support.client import client_of, confirm, sign_up
from tests.support.services import NO_CERTIFICATES, configured
from tests.support.settings import API


class Counter:
    """Passes bytes between the pool and PostgreSQL, and counts what asks for an answer: Sync and
    simple Query (PostgreSQL's frontend/backend protocol)."""

    def __init__(self, host: str, port: int) -> None:
        self.trips = 0
        self._target = (host, port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(5)

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            far = socket.create_connection(self._target)
            for run, args in ((self._count, (near, far)), (self._pass_on, (far, near))):
                thread = threading.Thread(target=run, args=args)
                thread.start()
                self._threads.append(thread)

    def _pass_on(self, source: socket.socket, target: socket.socket) -> None:
        with source, target:
            while data := _received(source):
                target.sendall(data)

    def _count(self, source: socket.socket, target: socket.socket) -> None:
        pending, started = b"", False
        with source, target:
            while data := _received(source):
                pending += data
                # The first message, the startup packet, has a length but no type.
                while len(pending) >= (head := 5 if started else 4):
                    length = int.from_bytes(pending[head - 4 : head], "big") + head - 4
                    if len(pending) < length:
                        break
                    self.trips += started and pending[:1] in b"SQ"
                    pending, started = pending[length:], True
                target.sendall(data)


def _received(source: socket.socket) -> bytes:
    try:
        return source.recv(65536)
    except OSError:
        return b""


@pytest.fixture
def counter(database):
    parts = urlsplit(database.url)
    counter = Counter(parts.hostname, parts.port)
    yield counter
    counter.close()


@pytest.fixture
def counted(database, files, counter):
    """A client over one connection; each statement is parsed at its first use on it."""
    config = configured(database)
    port = urlsplit(database.url).port
    # Without the two questions about encryption, the startup packet comes first.
    url = database.url.replace(f":{port}/", f":{counter.port}/") + "?sslmode=disable"
    database = Database(f"{url}&gssencmode=disable", size=1)
    services = Services(config, database, files, NO_CERTIFICATES)
    services.database.open()
    yield client_of(services, worker=False)
    services.database.close()


def trips(counter, call, times=4):
    """Of each call but the first."""
    counts = []
    for _ in range(times):
        before = counter.trips
        assert call().status_code < 300
        counts.append(counter.trips - before)
    return counts[1:]


def test_a_signup_is_one(counted, counter):
    emails = (f"ada{number}@example.org" for number in range(4))
    assert trips(counter, lambda: sign_up(counted, next(emails))) == [1, 1, 1]


def test_the_same_again_is_one(counted, counter):
    assert trips(counter, lambda: sign_up(counted)) == [1, 1, 1]


def test_a_confirmation_is_one_the_first_time_and_each_time_after(counted, counter, mailbox):
    tokens = []
    for email in ("ada1@example.org", "ada2@example.org"):
        sign_up(counted, email)
        tokens += [mailbox.deliver().token(email)] * 2
    clicks = iter(tokens)
    assert trips(counter, lambda: confirm(counted, next(clicks))) == [1, 1, 1]


@pytest.mark.parametrize("token", ["x", "x" * 42, "x" * 44, "é" * 43, f"{'x' * 42}."])
def test_what_has_not_the_form_of_a_token_costs_none(counted, counter, token):
    """Not even to count a guess: nobody can guess by it."""
    sign_up(counted)
    before = counter.trips
    answers = [
        counted.get(f"{API}/confirm/{token}"),
        counted.get(f"{API}/unsubscribe/{token}"),
        counted.post(f"{API}/unsubscribe/{token}"),
        confirm(counted, token),
        counted.post(f"{API}/links/renew", json={"token": token}),
        counted.post(f"{API}/privacy/export", json={"token": token}),
        counted.post(f"{API}/privacy/erase", json={"token": token}),
    ]
    assert [answer.status_code for answer in answers] == [404, 404, 404, 404, 202, 404, 404]
    assert counter.trips == before


def test_unsubscribing_is_two_as_the_answer_says_what_holds_afterwards(counted, counter, mailbox):
    sign_up(counted)
    leave = f"{API}/unsubscribe/{mailbox.deliver().unsubscribe_token()}"
    assert trips(counter, lambda: counted.post(leave)) == [2, 2, 2]
