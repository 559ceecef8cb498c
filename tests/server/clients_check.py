"""One client beside another, each with an address of its own: `make check-clients`.

Not collected with the tests: macOS has one loopback address, and a test that skips itself proves
nothing.
"""

from __future__ import annotations

import select
from contextlib import ExitStack

import pytest

from tests.support.database import fresh_database
from tests.support.servers import BODY, Server, get, post, status, unanswered

OTHER = "127.0.0.2"


@pytest.fixture(scope="module")
def served(server, aws):
    """With one process, so that no other one answers in its place."""
    with fresh_database(server) as database:
        running = Server(database.url, WEB_WORKERS="1")
        yield running
        running.stop()
    assert running.process.returncode == 0


@pytest.mark.parametrize(
    "sent", [post(BODY[:10], "Content-Length: 100"), b""], ids=["bodies", "silence"]
)
def test_however_many_connections_of_one_client_stall_others_are_answered(served, sent):
    with ExitStack() as stalled:
        connections = [stalled.enter_context(served.connect()) for _ in range(32)]
        for connection in connections:
            connection.sendall(sent)
        for _ in range(8):
            assert status(served.send(get("/healthz"), OTHER)) == 200
        # Without its share, that client would have been waited for, connection by connection.
        assert unanswered(*connections[16:])


def test_one_client_holds_at_most_half_of_the_connections(served):
    with ExitStack() as stack:
        connections = [stack.enter_context(served.connect()) for _ in range(502)]
        # Which one depends on how many of the test before were still being taken down.
        closed, _, _ = select.select(connections, [], [], 15)
        assert closed
        assert {connection.recv(1) for connection in closed} == {b""}
        assert status(served.send(get("/healthz"), OTHER)) == 200
