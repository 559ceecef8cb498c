"""gunicorn's threaded worker with problem+json errors, a deadline per request, a share of the
threads for each client, and a shutdown that answers every open connection.

Beyond gunicorn's documented hooks it uses `tpool._work_queue`, `parser.unreader.buf`,
`murder_pending`, `set_accept_enabled`, `enqueue_req`, `finish_request`, `nr_conns` and the two
queues of idle connections; pyproject.toml pins gunicorn 27 for their sake.
"""

from __future__ import annotations

import json
import logging
import select
import time
from contextlib import suppress
from http import HTTPStatus
from socket import SHUT_RD, SHUT_RDWR, socket
from typing import Any

from gunicorn.http import errors
from gunicorn.util import write_nonblock
from gunicorn.workers.gthread import ThreadWorker

from leadmagnet.funnel import limits
from leadmagnet.server.turns import Turns
from leadmagnet.web.problems import MEDIA_TYPE, problem
from leadmagnet.web.requests import SECURITY_HEADERS

log = logging.getLogger(__name__)

# A thread stays with a connection so long for its next request: the way over the main loop and back
# costs as much as the application does.
LINGER_MILLISECONDS = 5
# A client that sends for longer is cut off: 16 kB arrive in a second even over a poor line.
REQUEST_SECONDS = 3.0
# And one that does not read the answer for so long.
ANSWER_SECONDS = 16.0

STATUSES = {
    errors.LimitRequestLine: 414,
    errors.LimitRequestHeaders: 431,
    errors.ExpectationFailed: 417,
    errors.UnsupportedTransferCoding: 501,
}


class Worker(ThreadWorker):  # type: ignore[misc]
    """gunicorn's own leaves its port open, unserved, until its last request is over: the kernel
    goes on completing connections there, and their requests die by a reset. This one takes in all
    who are connected and closes the port at once, so that newcomers are refused before they write.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.deadlines: dict[Any, float] = {}
        # Behind a proxy every connection is the proxy's.
        self.turns = Turns(running=self.cfg.threads, open_=self.worker_connections)

    def share_among_clients(self) -> None:
        """Where clients connect directly, one holds half of the threads and connections at most."""
        most = max(1, self.cfg.threads // 2)
        self.turns = Turns(running=most, open_=self.worker_connections // 2)

    def handle_error(self, req: Any, client: socket, addr: Any, exc: BaseException) -> None:
        """Answer what never reaches the application. gunicorn's own would write the request line
        and the client's address into its log, and answer in HTML."""
        if isinstance(exc, errors.ParseException):
            status = next((STATUSES[kind] for kind in STATUSES if isinstance(exc, kind)), 400)
            code = "request_malformed"
        else:
            status, code = 500, "internal_error"
        log.warning("request_unreadable", extra={"error": type(exc).__name__, "status": status})
        body = json.dumps(problem(status, code, locale="fr"), ensure_ascii=False).encode()
        headers = SECURITY_HEADERS | {
            "Connection": "close",
            "Content-Type": MEDIA_TYPE,
            "Content-Length": str(len(body)),
        }
        lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        write_nonblock(client, "\r\n".join([*lines, "", ""]).encode() + body)

    def enqueue_req(self, conn: Any) -> None:
        if not hasattr(conn, "network"):
            conn.network = limits.network(conn.client[0])
            most = self.turns.most_open
            # Counting looks at every connection, so it is left out while there are few.
            if self.nr_conns > most and self._open_of(conn.network) >= most:
                self.nr_conns -= 1
                conn.close()
                return
        if self.turns.take(conn.network, conn):
            super().enqueue_req(conn)

    def finish_request(self, conn: Any, fs: Any) -> None:
        if following := self.turns.give_back(conn.network):
            super().enqueue_req(following)
        super().finish_request(conn, fs)

    def _open_of(self, network: str) -> int:
        idle = [conn.network for conn in (*self.keepalived_conns, *self.pending_conns)]
        return idle.count(network) + self.turns.open_of(network)

    def handle(self, conn: Any) -> Any:
        """Serve the connection's requests as long as the next one comes at once and none waits
        for a thread."""
        kept = self._handle_one(conn)
        while kept is True and self.alive and not self._somebody_waits(conn):
            # Of requests sent at once the next is here already, and its socket silent.
            if not conn.parser.unreader.buf.getvalue():
                waiting = select.poll()
                waiting.register(conn.sock, select.POLLIN)
                if not waiting.poll(LINGER_MILLISECONDS):
                    break
            kept = self._handle_one(conn)
        return kept

    def _somebody_waits(self, conn: Any) -> bool:
        return self.turns.waits(conn.network) or not self.tpool._work_queue.empty()

    def _handle_one(self, conn: Any) -> Any:
        self.deadlines[conn] = time.monotonic() + REQUEST_SECONDS
        try:
            return super().handle(conn)
        finally:
            del self.deadlines[conn]

    def murder_pending(self) -> None:
        """Each second: gunicorn's own work, and cutting off clients that send for too long."""
        super().murder_pending()
        now = time.monotonic()
        for conn, deadline in list(self.deadlines.items()):
            if deadline < now:
                # The thread that reads from it finds the end of the stream, and may still answer;
                # but not to one who does not read.
                late = deadline + ANSWER_SECONDS - REQUEST_SECONDS < now
                with suppress(OSError):
                    conn.sock.shutdown(SHUT_RDWR if late else SHUT_RD)

    def set_accept_enabled(self, enabled: bool) -> None:
        super().set_accept_enabled(enabled)
        if not self.alive:
            for listener in self.sockets:
                waiting = select.poll()
                waiting.register(listener, select.POLLIN)
                while waiting.poll(0):
                    self.accept(listener)
                listener.close()
