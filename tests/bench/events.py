"""Part `events`: how fast a worker tells consumers over TLS, each of which takes 50 ms."""

from __future__ import annotations

import tempfile
import time
from contextlib import ExitStack, closing
from pathlib import Path
from statistics import median

from cryptography.hazmat.primitives.serialization import Encoding

from leadmagnet.dev.processes import stop
from tests.bench.systems import HERE, Systems
from tests.bench.tables import number, table
from tests.support.consumer import WELL, Consumer, Received
from tests.support.fake_ses import Raw
from tests.support.signing import Authority
from tests.support.waiting import until

DATABASE = "events"
ANSWER_SECONDS = 0.05
EVENTS = 300


def run(systems: Systems, *, rounds: int) -> str:
    systems.create(DATABASE, 10_000)
    told: dict[int, list[float]] = {1: [], 3: []}
    for turn in range(rounds):
        for consumers, rates in told.items():
            rates.append(_told(systems, f"e{turn}-{consumers}", consumers))
    rows = [
        (f"{consumers} consumer(s)", number(median(rates))) for consumers, rates in told.items()
    ]
    return (
        f"### events\n\n{table(['', 'events/s'], rows)}\n\nOne worker; each consumer answers after"
        f" {ANSWER_SECONDS:g} s, over a new TLS connection for each event."
    )


def _told(systems: Systems, series: str, consumers: int) -> float:
    """Events a second to all of them, the start of the worker apart."""
    times: list[float] = []

    def answer(received: Received) -> Raw:
        time.sleep(ANSWER_SECONDS)
        times.append(time.monotonic())
        return WELL

    authority = Authority("localhost")
    with ExitStack() as exits:
        root = Path(exits.enter_context(tempfile.TemporaryDirectory())) / "root.pem"
        root.write_bytes(authority.root.public_bytes(Encoding.PEM))
        running = [exits.enter_context(Consumer(authority)) for _ in range(consumers)]
        for consumer in running:
            consumer.answer = answer
        hosts = [f"localhost:{consumer.port}" for consumer in running]
        parameters = {
            "series": series,
            "urls": [f"https://{host}/hooks" for host in hosts],
            "events": EVENTS,
        }
        with closing(systems.superuser(DATABASE)) as conn:
            conn.execute((HERE / "events.sql").read_bytes(), parameters)
        worker = systems.worker(
            DATABASE,
            WEBHOOK_KEY="w" * 40,
            WEBHOOK_ALLOW_HOSTS=",".join(hosts),
            SSL_CERT_FILE=str(root),
        )
        every = EVENTS * consumers
        try:
            until(lambda: len(times) >= every, seconds=120, what=f"{every} events arrive")
        finally:
            stop(worker)
    half = sorted(times)[every // 2 :]
    return (len(half) - 1) / (half[-1] - half[0])
