"""Part `settle`: how many waiting requests one worker settles a second."""

from __future__ import annotations

import time
from contextlib import closing
from statistics import median

from leadmagnet.dev.processes import stop
from tests.bench.systems import HERE, Systems
from tests.bench.tables import number

DATABASE = "settle"
REQUESTS = 6000


def run(systems: Systems, *, rounds: int) -> str:
    systems.create(DATABASE, 10_000)
    ses = systems.ses(delay=0.05)
    rates = [_settle(systems, ses.url, f"s{turn}") for turn in range(rounds)]
    return f"### settle\n\nOne worker settles {number(median(rates))} requests/s."


def _settle(systems: Systems, ses_url: str, series: str) -> float:
    """Requests a second, while the second half of them is settled: the worker is up by then."""
    with closing(systems.superuser(DATABASE)) as conn:
        conn.execute((HERE / "waiting.sql").read_bytes(), {"series": series, "requests": REQUESTS})
        worker = systems.worker(DATABASE, AWS_ENDPOINT_URL_SESV2=ses_url)
        try:
            half = _until(conn, REQUESTS // 2)
            end = _until(conn, 0)
        finally:
            stop(worker)
    return half[1] / (end[0] - half[0])


def _until(conn: object, at_most: int) -> tuple[float, int]:
    """When so few requests wait, and how many they were then."""
    deadline = time.monotonic() + 120
    while True:
        row = conn.execute("SELECT count(*) FROM lm_requests").fetchone()  # type: ignore[attr-defined]
        if row[0] <= at_most:
            return time.monotonic(), row[0]
        if time.monotonic() > deadline:
            raise RuntimeError(f"{row[0]} requests still wait after two minutes")
        time.sleep(0.02)
