"""An SES over real HTTP that can be ill in seven ways, changed while it runs."""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple, Self

# Mode: status and error code of its answer.
REFUSALS = {
    "throttle": (429, "TooManyRequestsException"),
    "5xx": (503, "ServiceUnavailable"),
    "refuse": (400, "MessageRejected"),
    "paused": (400, "SendingPausedException"),
}
# Reads and never answers; keeps the mail and never answers; cuts the connection with a TCP RST.
SILENCES = ("hang", "accept-then-hang", "reset")
ILLNESSES = (*REFUSALS, *SILENCES)


class Accepted(NamedTuple):
    """A mail that SES took: it will arrive, whatever the worker learns of it."""

    outbox_id: int
    to: str
    message_id: str


class FakeSes:
    """`mode` is `ok` or one of ILLNESSES. A change of mode ends the connections that hang."""

    def __init__(self) -> None:
        self.accepted: list[Accepted] = []
        # Requests by the mode that met them, counted before they are answered.
        self.met: Counter[str] = Counter()
        # How long a healthy answer takes.
        self.delay = 0.0
        self._mode = "ok"
        self._released = threading.Event()
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.ses = self
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

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
    def mode(self) -> str:
        return self._mode

    @mode.setter
    def mode(self, mode: str) -> None:
        if mode not in ("ok", *ILLNESSES):
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

    def meet(self, request: dict[str, Any]) -> tuple[str, threading.Event, str]:
        """The mode for this request, the event that ends its silence, its message id."""
        with self._lock:
            mode, message_id = self._mode, f"ses-{len(self.accepted) + 1}"
            if mode in ("ok", "accept-then-hang"):
                tags = {tag["Name"]: tag["Value"] for tag in request["EmailTags"]}
                (to,) = request["Destination"]["ToAddresses"]
                self.accepted.append(Accepted(int(tags["outbox_id"]), to, message_id))
            self.met[mode] += 1
            return mode, self._released, message_id


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
        mode, released, message_id = ses.meet(json.loads(body))
        if mode == "ok":
            threading.Event().wait(ses.delay)
            self._answer(200, {"MessageId": message_id})
        elif mode in REFUSALS:
            status, code = REFUSALS[mode]
            self._answer(status, {"message": "no"}, {"x-amzn-ErrorType": code})
        elif mode == "reset":
            self._reset()
        else:
            released.wait()
            self.close_connection = True

    def do_HEAD(self) -> None:
        """S3, asked by the worker whether the guide is there: it is."""
        self._answer(200, {})

    def _answer(
        self, status: int, body: dict[str, str], headers: dict[str, str] | None = None
    ) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        headers = {"Content-Type": "application/json", "Content-Length": str(len(data))} | (
            headers or {}
        )
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def _reset(self) -> None:
        # Closed with nothing to linger for, the kernel sends RST instead of FIN. Detached, because
        # the server would send its FIN first.
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        socket.close(self.connection.detach())

    def log_message(self, *_: object) -> None:
        pass
