"""The real gunicorn in a process of its own, spoken to over real sockets."""

from __future__ import annotations

import json
import os
import re
import select
import signal
import socket
import tempfile
from pathlib import Path

from leadmagnet.dev.processes import Child
from tests.support.settings import ADA, API, DELIVERY, SETTINGS
from tests.support.stack import Stack

BODY = json.dumps({"email": ADA, "consents": [DELIVERY]}).encode()


class Server:
    """The API of its own: gunicorn in a process, until it is told to stop."""

    def __init__(self, url: str, **settings: str) -> None:
        self._folder = tempfile.TemporaryDirectory()
        endpoints = {k: v for k, v in os.environ.items() if k.startswith("AWS_ENDPOINT_URL")}
        self.stack = Stack(url, Path(self._folder.name), SETTINGS | endpoints | settings)
        self._service = self.stack.api(WEB_THREADS="4")
        self.port = self._service.port
        self.process = self._service.child.process
        self._told = False

    def connect(self, client: str = "127.0.0.1") -> socket.socket:
        return connected(self.port, client)

    def send(self, data: bytes, client: str = "127.0.0.1") -> bytes:
        with self.connect(client) as connection:
            connection.sendall(data)
            return answer_of(connection)

    def tell_to_stop(self) -> None:
        """Once: a second SIGTERM, when gunicorn no longer looks, would kill it on its way out."""
        if not self._told:
            self.process.send_signal(signal.SIGTERM)
            self._told = True

    def stop(self) -> str:
        """Its log."""
        self.tell_to_stop()
        return self.ended()

    def ended(self) -> str:
        """Its log, once it has ended."""
        self.process.wait(timeout=60)
        with self._folder, self.stack:
            return written(self._service.child)


def connected(port: int, client: str = "127.0.0.1") -> socket.socket:
    # A port of its own that each connection asks for would be one that a server is about to take.
    source = None if client == "127.0.0.1" else (client, 0)
    return socket.create_connection(("127.0.0.1", port), 15, source_address=source)


def written(child: Child) -> str:
    assert child.log
    return child.log.read_text()


def answer_of(connection: socket.socket) -> bytes:
    """One answer, by its Content-Length, or all until the end of the connection."""
    data = b""
    while True:
        head, separator, body = data.partition(b"\r\n\r\n")
        length = re.search(rb"(?i)content-length: (\d+)", head)
        if separator and length and len(body) >= int(length[1]):
            return data
        received = connection.recv(65536)
        if not received:
            return data
        data += received


def unanswered(*connections: socket.socket) -> bool:
    """Whether nothing came on any of them yet, not even an end."""
    return not select.select(connections, [], [], 0)[0]


def status(answer: bytes) -> int:
    return int(answer.split()[1])


def get(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode()


def post(body: bytes, *headers: str, path: str = "signup") -> bytes:
    lines = [f"POST {API}/{path} HTTP/1.1", "Host: x", "Content-Type: application/json", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body
