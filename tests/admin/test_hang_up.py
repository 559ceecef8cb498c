"""Clients that hang up in the middle of an export, over real sockets: nothing is left of them."""

from __future__ import annotations

import os
import socket
import struct
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.support.admin import ADMIN, new_key
from tests.support.servers import BODY, Server, answer_of, post, status
from tests.support.services import configured
from tests.support.waiting import until

# Together more than the buffers of a connection take: eight megabytes.
PEOPLE, SOURCE = 2000, 4000


@pytest.fixture
def served(database, tmp_path):
    database.rows(
        "INSERT INTO lm_subscribers (email, source, locale, asked_consents)"
        " SELECT format('p%%s@example.org', n), repeat('x', %s), 'fr', '{}'"
        " FROM generate_series(1, %s) n",
        SOURCE,
        PEOPLE,
    )
    running = Server(database.url, ADMIN_API="true", WEB_WORKERS="1", TMPDIR=str(tmp_path))
    yield running
    log = running.stop()
    assert "unhandled_exception" not in log and "Traceback" not in log, log


def spooled(running, folder: Path):
    """The exports that the server's processes hold open."""
    master = running.process.pid
    workers = Path(f"/proc/{master}/task/{master}/children").read_text().split()
    links = []
    for link in (link for pid in workers for link in Path(f"/proc/{pid}/fd").iterdir()):
        # One that is closed at this moment.
        with suppress(FileNotFoundError):
            links.append(os.readlink(link))
    # gunicorn has one there by which it sees that a worker lives.
    return [link for link in links if link.startswith(str(folder)) and "wgunicorn" not in link]


def begin(running, key):
    """Ask for an export, and read no more than its beginning."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.settimeout(20)
    connection.connect(("127.0.0.1", running.port))
    connection.sendall(request(key))
    assert status(connection.recv(100)) == 200
    return connection


def request(key):
    body = b'{"everybody": true}'
    head = post(body, f"Content-Length: {len(body)}", f"Authorization: Bearer {key}")
    return b"POST %s/exports HTTP/1.1%s" % (ADMIN.encode(), head.partition(b" HTTP/1.1")[2])


def test_who_hangs_up_leaves_no_file_and_no_connection_and_keeps_nobody(served, database, tmp_path):
    key = new_key(database, SimpleNamespace(config=configured(database)), role="owner")
    # As many as the admin API has connections, and half of the threads, which is a client's share.
    held = [begin(served, key) for _ in range(2)]
    assert len(spooled(served, tmp_path)) == 2
    # Nobody waits for them: no transaction is open, and a visitor is answered.
    busy = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'lm_app' AND state <> 'idle'"
    assert database.value(busy + " AND datname = current_database()") == 0
    signed_up = served.send(post(BODY, f"Content-Length: {len(BODY)}"), client="127.0.0.2")
    assert status(signed_up) == 202
    for connection in held:
        # A reset, as from a browser that is closed.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()
    until(lambda: not spooled(served, tmp_path), seconds=20, what="the files are closed")
    with served.connect() as connection:
        connection.sendall(request(key))
        assert answer_of(connection).count(b"@example.org") == PEOPLE
    # What was handed out in part counts as handed out: who read how much of it, nobody knows.
    noted = database.rows("SELECT detail->>'rows' AS rows FROM lm_audit ORDER BY id")
    assert [row["rows"] for row in noted] == [str(PEOPLE)] * 3
    assert list(tmp_path.iterdir()) == []
