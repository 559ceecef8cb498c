"""The real gunicorn in a process of its own, spoken to over real sockets."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time

from leadmagnet.dev.ports import free_port
from tests.support.settings import ADA, API, DELIVERY, SETTINGS

BODY = json.dumps({"email": ADA, "consents": [DELIVERY]}).encode()


class Server:
    def __init__(self, url: str, **settings: str) -> None:
        self.port = free_port()
        # Not a pipe: a full one would stop the server.
        self.log = tempfile.TemporaryFile()  # noqa: SIM115
        self.process = subprocess.Popen(
            [sys.executable, "-m", "leadmagnet", "serve"],
            env=os.environ
            | SETTINGS
            | {"DATABASE_URL": url, "PORT": str(self.port), "WEB_THREADS": "4"}
            | settings,
            stdout=self.log,
            stderr=subprocess.STDOUT,
        )
        deadline = time.monotonic() + 20
        while not self._answers():
            assert self.process.poll() is None, self.written()
            assert time.monotonic() < deadline

    def _answers(self) -> bool:
        try:
            return status(self.send(get("/readyz"))) == 200
        except OSError:
            return False

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=15)

    def send(self, data: bytes) -> bytes:
        with self.connect() as connection:
            connection.sendall(data)
            return answer_of(connection)

    def stop(self) -> str:
        """Its log."""
        self.process.send_signal(signal.SIGTERM)
        return self.ended()

    def ended(self) -> str:
        self.process.wait(timeout=20)
        with self.log:
            return self.written()

    def written(self) -> str:
        self.log.seek(0)
        return self.log.read().decode()


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


def status(answer: bytes) -> int:
    return int(answer.split()[1])


def get(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode()


def post(body: bytes, *headers: str, path: str = "signup") -> bytes:
    lines = [f"POST {API}/{path} HTTP/1.1", "Host: x", "Content-Type: application/json", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body
