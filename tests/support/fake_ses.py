"""The one SES of tests, benchmarks and faults: the emulator of `make run`, slow or failing at will.

It keeps connections open as SES does, takes and shows mails as the emulator does, and says of
S3's objects, which the worker asks for with HEAD, that they are there.
"""

from __future__ import annotations

import itertools
import json
import socket
import struct
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple, Self

from flask import Flask

from leadmagnet.dev.mailbox import create_mailbox


class Refusal(NamedTuple):
    """The error that SES answers with."""

    status: int
    code: str
    message: str = "no"


class Raw(NamedTuple):
    """What SES sends, as it is: all at once, or a byte every `drip` seconds, over and over."""

    answer: bytes
    drip: float = 0.0


REFUSALS = {
    "throttle": Refusal(429, "TooManyRequestsException"),
    "5xx": Refusal(503, "ServiceUnavailable"),
    "refuse": Refusal(400, "MessageRejected"),
    "paused": Refusal(400, "SendingPausedException"),
}
# Reads and never answers; keeps the mail and never answers; cuts the connection with a TCP RST.
SILENCES = ("hang", "accept-then-hang", "reset")
FAULTS = (*REFUSALS, *SILENCES)


class Accepted(NamedTuple):
    """A mail that SES took: it will arrive, whatever the worker learns of it."""

    outbox_id: int
    to: str
    message_id: str
    at: float


class FakeSes:
    """`mode` is `ok`, one of FAULTS, a Refusal or Raw. A new one ends the connections that hang."""

    def __init__(self, *, delay: float = 0.0) -> None:
        self.mailbox: Flask = create_mailbox()
        self.accepted: list[Accepted] = []
        # Requests by the mode that met them, counted before they are answered.
        self.met: Counter[str] = Counter()
        # How long a healthy answer takes.
        self.delay = delay
        self._mode: str | Refusal | Raw = "ok"
        self._released = threading.Event()
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.ses = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._released.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def mode(self) -> str | Refusal | Raw:
        return self._mode

    @mode.setter
    def mode(self, mode: str | Refusal | Raw) -> None:
        if isinstance(mode, str) and mode not in ("ok", *FAULTS):
            raise ValueError(mode)
        with self._lock:
            self._mode = mode
            self._released.set()
            self._released = threading.Event()

    def mails_per_address(self) -> Counter[str]:
        with self._lock:
            return Counter(mail.to for mail in self.accepted)

    def mails_per_row(self) -> Counter[int]:
        with self._lock:
            return Counter(mail.outbox_id for mail in self.accepted)

    def receive(
        self, path: str, body: bytes, media_type: str
    ) -> tuple[str | Refusal | Raw, threading.Event, Reply]:
        """The mode for this mail, the event that ends a silence, and the emulator's answer."""
        at = time.time()
        with self._lock:
            mode = self._mode
            self.met[_name(mode)] += 1
            reply = Reply(500, b"", "")
            if mode in ("ok", "accept-then-hang"):
                reply = self.ask("POST", path, body, media_type)
            if reply.status == 200:
                mail = json.loads(body)
                tags = {tag["Name"]: tag["Value"] for tag in mail["EmailTags"]}
                (to,) = mail["Destination"]["ToAddresses"]
                message_id = json.loads(reply.body)["MessageId"]
                # 0 for a mail of no row, which a test may send.
                self.accepted.append(Accepted(int(tags.get("outbox_id", 0)), to, message_id, at))
            return mode, self._released, reply

    def ask(self, method: str, path: str, body: bytes = b"", media_type: str = "") -> Reply:
        client = self.mailbox.test_client()
        answer = client.open(path, method=method, data=body, content_type=media_type)
        return Reply(answer.status_code, answer.data, answer.headers.get("x-amzn-ErrorType", ""))


def _name(mode: str | Refusal | Raw) -> str:
    if isinstance(mode, Raw):
        return "raw"
    return mode if isinstance(mode, str) else mode.code


class Reply(NamedTuple):
    status: int
    body: bytes
    error: str


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    ses: FakeSes

    def handle_error(self, request: object, client_address: object) -> None:
        """A worker that was killed leaves in the middle of everything."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Head and body in one packet: the second of two would wait for the client's delayed ACK.
    wbufsize = -1
    server: _Server

    def do_POST(self) -> None:
        ses = self.server.ses
        body = self.rfile.read(int(self.headers["Content-Length"]))
        mode, released, reply = ses.receive(self.path, body, self.headers["Content-Type"])
        if isinstance(mode, Raw):
            return self._say(mode, released)
        refusal = REFUSALS.get(mode) if isinstance(mode, str) else mode
        if mode == "ok":
            threading.Event().wait(ses.delay)
            self._answer(reply)
        elif refusal:
            text = json.dumps({"message": refusal.message}).encode()
            self._answer(Reply(refusal.status, text, refusal.code))
        elif mode == "reset":
            self._reset()
        else:
            released.wait()
            self.close_connection = True

    def do_GET(self) -> None:
        self._answer(self.server.ses.ask("GET", self.path))

    def do_HEAD(self) -> None:
        self._answer(Reply(200, b"{}", ""))

    def _answer(self, reply: Reply) -> None:
        self.send_response(reply.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(reply.body)))
        if reply.error:
            self.send_header("x-amzn-ErrorType", reply.error)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(reply.body)

    def _say(self, raw: Raw, released: threading.Event) -> None:
        self.close_connection = True
        if not raw.drip:
            self.wfile.write(raw.answer)
            return
        for byte in itertools.cycle(raw.answer):
            self.connection.send(bytes([byte]))
            if released.wait(raw.drip):
                break

    def _reset(self) -> None:
        # Closed with nothing to linger for, the kernel sends RST instead of FIN. Detached, because
        # the server would send its FIN first.
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        socket.close(self.connection.detach())

    def log_message(self, *_: object) -> None:
        pass
