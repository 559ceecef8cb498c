"""Part `drain`: how fast workers hand mails to an SES that takes 50 ms, and how soon when idle."""

from __future__ import annotations

import json
import time
import urllib.request
from contextlib import closing
from statistics import median, quantiles

from leadmagnet.dev.processes import stop
from tests.bench.systems import HERE, Systems
from tests.bench.tables import number, table
from tests.support.fake_ses import FakeSes

DATABASE = "drain"
ANSWER_SECONDS = 0.05
MAILS = 600
# A real account’s rate; the limiter is part of what is measured.
SES_MAX_RATE = "100"
SIGNUPS = 60


def run(systems: Systems, *, rounds: int) -> str:
    systems.create(DATABASE, 10_000)
    ses = systems.ses(delay=ANSWER_SECONDS)
    settings = {
        "AWS_ENDPOINT_URL_SESV2": ses.url,
        "SES_MAX_RATE": SES_MAX_RATE,
        # More rounds than one send more than an hour allows by default.
        "MAILS_PER_HOUR": "1000000",
    }
    drained: dict[int, list[float]] = {1: [], 2: []}
    for turn in range(rounds):
        for workers, rates in drained.items():
            rates.append(_drain(systems, ses, f"d{turn}-{workers}", workers, settings))
    delays = _idle(systems, ses, settings)
    cut = quantiles(delays, n=20)
    rows = [(f"{workers} worker(s)", number(median(rates))) for workers, rates in drained.items()]
    return (
        f"### drain\n\n{table(['', 'mails/s'], rows)}\n\nSES answers after {ANSWER_SECONDS:g} s."
        f" From the 202 to the mail in SES, when idle: median {median(delays) * 1000:.0f} ms,"
        f" p95 {cut[18] * 1000:.0f} ms, slowest of {len(delays)} {max(delays) * 1000:.0f} ms."
    )


def _drain(
    systems: Systems, ses: FakeSes, series: str, workers: int, settings: dict[str, str]
) -> float:
    """Mails a second from the first to the last, the start of the workers apart."""
    with closing(systems.superuser(DATABASE)) as conn:
        conn.execute((HERE / "queued.sql").read_bytes(), {"series": series, "mails": MAILS})
    children = [systems.worker(DATABASE, **settings) for _ in range(workers)]
    try:
        times = sorted(_await(ses, f"{series}-", MAILS).values())
    finally:
        stop(*children)
    # Until all workers are up, one may send alone: the second half is what they do together.
    half = times[len(times) // 2 :]
    return (len(half) - 1) / (half[-1] - half[0])


def _idle(systems: Systems, ses: FakeSes, settings: dict[str, str]) -> list[float]:
    api = systems.us(DATABASE)
    worker = systems.worker(DATABASE, **settings)
    answered = {}
    try:
        for number in range(SIGNUPS + 1):
            email = f"idle-{number}@example.org"
            body = {"email": email, "consents": ["guide-mariee-sereine-delivery-fr-1"]}
            request = urllib.request.Request(
                f"{api.url}/api/lead-magnet/signup",
                data=json.dumps(body).encode(),
                headers={
                    "Content-Type": "application/json",
                    "X-Forwarded-For": f"192.0.2.{number + 1}",
                },
            )
            urllib.request.urlopen(request, timeout=10).close()
            answered[email] = time.time()
            # The first one waits for the worker to be up.
            time.sleep(0.2) if number else _await(ses, "idle-0@", 1)
        found = _await(ses, "idle-", SIGNUPS + 1)
    finally:
        stop(worker)
    return [max(0.0, found[email] - answered[email]) for email in list(answered)[1:]]


def _await(ses: FakeSes, prefix: str, mails: int, seconds: float = 60) -> dict[str, float]:
    """When each mail to such an address arrived, once so many have."""
    deadline = time.monotonic() + seconds
    while True:
        found: dict[str, float] = {}
        for mail in list(ses.accepted):
            if mail.to.startswith(prefix):
                found.setdefault(mail.to, mail.at)
        if len(found) >= mails:
            return found
        if time.monotonic() > deadline:
            raise RuntimeError(f"{len(found)} of {mails} mails after {seconds} s")
        time.sleep(0.1)
