"""A database that stands still, at sixty requests a second: who waits, and for how long."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import partial
from typing import NamedTuple
from urllib.parse import urlsplit

import psycopg

from tests.faults.stage import Api, Stage
from tests.faults.visitors import Answer, sign_up
from tests.support.waiting import require, until

WATCH_SECONDS = 3.0
TABLES = (
    *("lm_requests", "lm_signup_limits"),
    *("lm_subscribers", "lm_outbox", "lm_request_outcomes"),
)


class Bounds(NamedTuple):
    """How long a stall lasts, how many visitors a second come, and how long what may take."""

    seconds: float
    rate: int
    slowest_503: float
    # Of /healthz. A few probes of a loaded machine may take longer, not one in fifty.
    slowest_health: float
    back_after: float


class Load:
    """So many signups a second, whatever becomes of those before; and /healthz ten times."""

    def __init__(self, port: int, rate: int) -> None:
        self.port, self.rate = port, rate
        self.answers: list[Answer] = []
        self.health: list[float] = []
        self._stop = threading.Event()
        self._numbers = iter(range(1, 10_000_000))
        self._pool = ThreadPoolExecutor(300)
        self._threads = [
            threading.Thread(target=self._visit),
            threading.Thread(target=self._ask_health),
        ]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()
        self._pool.shutdown()

    def since(self, moment: float) -> list[Answer]:
        return [answer for answer in list(self.answers) if answer.at >= moment]

    def _visit(self) -> None:
        due = time.monotonic()
        while not self._stop.wait(max(0, due - time.monotonic())):
            due += 1 / self.rate
            self._pool.submit(self._one, f"stalled{next(self._numbers)}@example.org")

    def _one(self, address: str) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        self.answers.append(sign_up(connection, address))
        connection.close()

    def _ask_health(self) -> None:
        while not self._stop.wait(0.1):
            started = time.monotonic()
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
            try:
                connection.request("GET", "/healthz")
                require(connection.getresponse().read(), "no answer of /healthz")
                self.health.append(time.monotonic() - started)
            finally:
                connection.close()


class Network:
    """Between the API and PostgreSQL; swallows everything while `swallows` is set, and delivers it
    afterwards, as TCP does."""

    def __init__(self, port: int) -> None:
        self._target = ("127.0.0.1", port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._open = threading.Event()
        self._open.set()
        threading.Thread(target=self._accept, daemon=True).start()

    def swallow(self) -> None:
        self._open.clear()

    def deliver(self) -> None:
        self._open.set()

    def close(self) -> None:
        self._open.set()
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
                far = socket.create_connection(self._target)
            except OSError:
                return
            for source, target in ((near, far), (far, near)):
                threading.Thread(target=self._pass_on, args=(source, target), daemon=True).start()

    def _pass_on(self, source: socket.socket, target: socket.socket) -> None:
        try:
            while data := source.recv(65536):
                self._open.wait()
                target.sendall(data)
        except OSError:
            return
        finally:
            with suppress(OSError):
                target.shutdown(socket.SHUT_WR)
            source.close()


@contextmanager
def locked(stage: Stage, table: str) -> Iterator[None]:
    url = stage.postgres.url("lm_owner", stage.database)
    with psycopg.connect(url) as conn:
        conn.execute(f"LOCK TABLE {table}")
        yield


@contextmanager
def frozen(stage: Stage) -> Iterator[None]:
    """The server and all of its processes."""
    first = int((stage.postgres.data_dir / "postmaster.pid").read_text().split()[0])
    children = f"/proc/{first}/task/{first}/children"
    with open(children, encoding="ascii") as file:
        pids = [first, *map(int, file.read().split())]
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


@contextmanager
def swallowed(network: Network) -> Iterator[None]:
    network.swallow()
    try:
        yield
    finally:
        network.deliver()


class Found(NamedTuple):
    slowest_503: float
    slowest_health: float
    back_after: float
    refused: int

    def __str__(self) -> str:
        return (
            f"{self.refused} × 503, slowest {self.slowest_503:.1f} s, /healthz"
            f" {self.slowest_health * 1000:.0f} ms, back after {self.back_after:.1f} s"
        )


def database_stalled(stage: Stage, bounds: Bounds) -> dict[str, Found]:
    """What visitors met, by what stood still. Raises Failed where a promise was broken."""
    network = Network(stage.postgres.port)
    parts = urlsplit(stage.postgres.url("lm_app", stage.database))
    through = parts._replace(netloc=parts.netloc.replace(f":{parts.port}", f":{network.port}"))
    stalls: dict[str, Callable[[], AbstractContextManager[None]]] = {
        table: partial(locked, stage, table)
        for table in TABLES
        if stage.value("SELECT to_regclass(%s)", table)
    }
    stalls |= {"frozen": partial(frozen, stage), "packets": partial(swallowed, network)}
    found = {}
    try:
        api = Api(stage, DATABASE_URL=through.geturl())
        api.wait_until_ready()
        for name, stall in stalls.items():
            found[name] = _stall(api.port, stall, bounds)
            print(f"  {name}: {found[name]}", flush=True)
    finally:
        network.close()
    for name, measured in found.items():
        require(measured.slowest_503 <= bounds.slowest_503, f"{name}: {measured}")
        require(measured.slowest_health <= bounds.slowest_health, f"{name}: {measured}")
        require(measured.back_after <= bounds.back_after, f"{name}: {measured}")
    return found


def _stall(port: int, stall: Callable[[], AbstractContextManager[None]], bounds: Bounds) -> Found:
    with Load(port, bounds.rate) as load:
        until(lambda: len(load.answers) > bounds.rate, seconds=60, what="a second of visitors")
        before = len(load.health)
        with stall():
            time.sleep(bounds.seconds)
        ended = time.monotonic()
        during = load.health[before:]
        time.sleep(WATCH_SECONDS)
        served = lambda: [answer for answer in load.since(ended) if answer.status == 202]
        until(served, seconds=60, what="somebody is accepted afterwards")
    refused = [answer for answer in load.answers if answer.status == 503]
    late = [answer.at for answer in refused if answer.at > ended]
    require(not [answer for answer in load.answers if answer.status not in (202, 503)], "errors")
    ordered = sorted(during)
    return Found(
        max((answer.seconds for answer in refused), default=0),
        ordered[int(len(ordered) * 0.98) - 1],
        max(late, default=ended) - ended,
        len(refused),
    )
