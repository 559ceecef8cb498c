"""A consumer of our webhooks on a loopback port, over TLS or plain, well or ill at will."""

from __future__ import annotations

import socket
import sqlite3
import ssl
import struct
import sys
import tempfile
import threading
from contextlib import closing, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple, Self

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from leadmagnet.dev.processes import Child
from tests.support.fake_ses import Raw
from tests.support.paths import path_of
from tests.support.signing import Authority
from tests.support.waiting import require, until

WELL = Raw(b"HTTP/1.1 204 No Content\r\n\r\n")
# Reads and never answers; cuts the connection with a TCP RST.
SILENCES = ("hang", "reset")


class Received(NamedTuple):
    path: str
    headers: dict[str, str]
    body: bytes
    # The name that TLS asked for.
    name: str | None


class Consumer:
    """`answer` is what it says, a kind of silence, or what it does with each request."""

    def __init__(self, authority: Authority | None = None) -> None:
        self.answer: Any = WELL
        self.received: list[Received] = []
        self.released = threading.Event()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.consumer = self
        self._server.tls = tls_of(authority) if authority else None
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.released.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def port(self) -> int:
        return self._server.server_port

    @property
    def url(self) -> str:
        scheme = "https" if self._server.tls else "http"
        return f"{scheme}://127.0.0.1:{self.port}/hooks"


def tls_of(authority: Authority) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    key = authority.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    with tempfile.NamedTemporaryFile() as file:
        file.write(key + authority.pem)
        file.flush()
        context.load_cert_chain(file.name)
    context.sni_callback = lambda connection, name, _: setattr(connection, "asked_for", name)
    return context


def documented_consumer(secret: str, file: Path, port: int) -> Child:
    """The example of the documents, as a process, once it listens."""
    example = path_of("docs/examples/webhook_consumer.py")
    command: list[str | Path] = [sys.executable, example, str(file), str(port)]
    child = Child.start("consumer", command, env={"WEBHOOK_SECRET": secret})

    def listens() -> bool:
        require(not child.ended, "the consumer ended")
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 5):
            return True
        return False

    until(listens, seconds=60, what="the consumer listens")
    return child


def people_in(file: Path) -> list[tuple[str, str | None]]:
    """Whom it knows: the status and the address."""
    with closing(sqlite3.connect(file)) as database:
        return database.execute("SELECT status, email FROM people ORDER BY id").fetchall()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    consumer: Consumer
    tls: ssl.SSLContext | None

    def get_request(self) -> tuple[Any, Any]:
        connection, address = super().get_request()
        if self.tls is None:
            return connection, address
        # The handshake is the handler's first read: a slow one holds up nobody else.
        secured = self.tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        return secured, address

    def handle_error(self, request: object, client_address: object) -> None:
        """Whoever posts may leave in the middle of everything."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_POST(self) -> None:
        consumer = self.server.consumer
        body = self.rfile.read(int(self.headers["Content-Length"]))
        name = getattr(self.connection, "asked_for", None)
        headers = {name.lower(): value for name, value in self.headers.items()}
        received = Received(self.path, headers, body, name)
        consumer.received.append(received)
        answer = consumer.answer(received) if callable(consumer.answer) else consumer.answer
        self.close_connection = True
        if answer == "hang":
            consumer.released.wait()
        elif answer == "reset":
            # Closed with nothing to linger for, the kernel sends RST instead of FIN.
            linger = struct.pack("ii", 1, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            socket.close(self.connection.detach())
        elif answer.drip:
            while True:
                for byte in answer.answer:
                    self.connection.send(bytes([byte]))
                    if consumer.released.wait(answer.drip):
                        return
        else:
            self.wfile.write(answer.answer)

    def log_message(self, *_: object) -> None:
        pass
