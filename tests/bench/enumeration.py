"""Does the time of a signup's answer tell the state of its address? 500 interleaved calls a state.

    .venv/bin/python -m tests.bench.enumeration [CALLS] [SETTING=VALUE…]

Starts a durable PostgreSQL (in a folder that is deleted afterwards), the real gunicorn, the real
worker and the mailbox, and prints for each state the median and, against `new`, the probability
that such a difference is chance (Mann-Whitney's U, normal approximation) and the chance that a
call of the one state is slower than a call of the other (0.5: no difference).
"""

from __future__ import annotations

import http.client
import json
import math
import random
import statistics
import sys
import time
from typing import LiteralString

import psycopg

from tests.bench.systems import funnel

DELIVERY = "guide-mariee-sereine-delivery-fr-1"
# What the owner does to a signed-up address to bring it into the state.
STATES = {
    "new": None,
    "new too": None,  # the control: what the test says where there is no difference
    "pending": "UPDATE lm_subscribers SET asked_at = now() - interval '1 day'"
    " WHERE email = ANY(%s)",
    "cool-down": "SELECT %s::text[]",
    "confirmed": "UPDATE lm_subscribers SET status = 'confirmed', confirmed_at = now(),"
    " asked_at = now() - interval '1 day' WHERE email = ANY(%s)",
    "unsubscribed": "UPDATE lm_subscribers SET status = 'unsubscribed',"
    " asked_at = now() - interval '1 day' WHERE email = ANY(%s)",
    "bounced": "UPDATE lm_subscribers SET status = 'bounced' WHERE email = ANY(%s)",
    "complained": "UPDATE lm_subscribers SET status = 'complained' WHERE email = ANY(%s)",
    "erased": "DELETE FROM lm_subscribers WHERE email = ANY(%s)",
    "mailbox_full": (
        "UPDATE lm_subscribers SET asked_at = now() - interval '1 day' WHERE email = ANY(%s)"
    ),
    "honeypot": None,
}


def main() -> None:
    calls = int(next((a for a in sys.argv[1:] if "=" not in a), 500))
    chosen = dict(a.split("=", 1) for a in sys.argv[1:] if "=" in a)
    with funnel(MAILS_PER_MAILBOX="2", **chosen) as (served, postgres):
        owner_url = postgres.url("lm_owner", "leadmagnet")
        api = http.client.HTTPConnection("127.0.0.1", served.port)
        plan = [
            (state, f"{state.replace(' ', '-')}{n}@example.org")
            for state in STATES
            for n in range(calls)
        ]
        with psycopg.connect(owner_url, autocommit=True) as owner:
            _prepare(api, owner, plan)
        # The server has given the idle connection up meanwhile; a closed one opens itself again.
        api.close()
        random.Random(1).shuffle(plan)
        times: dict[str, list[float]] = {state: [] for state in STATES}
        for _ in range(200):
            sign_up(api, f"warm{_}@example.org")
        for state, email in plan:
            times[state].append(sign_up(api, email, website="x" if state == "honeypot" else ""))
    report(times)


def _await_none(owner: psycopg.Connection, count: LiteralString) -> None:
    while owner.execute(count).fetchone() != (0,):
        time.sleep(0.2)


def _prepare(
    api: http.client.HTTPConnection, owner: psycopg.Connection, plan: list[tuple[str, str]]
) -> None:
    for state, query in STATES.items():
        emails = [email for each, email in plan if each == state]
        if query is None:
            continue
        for _ in range(2 if state == "mailbox_full" else 1):
            for email in emails:
                sign_up(api, email)
            _await_none(owner, "SELECT count(*) FROM lm_requests")
            owner.execute(query, [emails])
    # Until the worker has sent all of that, it would disturb what is measured.
    _await_none(owner, "SELECT count(*) FROM lm_outbox WHERE state = 'queued'")
    owner.execute("VACUUM ANALYZE")


def sign_up(api: http.client.HTTPConnection, email: str, website: str = "") -> float:
    body = json.dumps({"email": email, "consents": [DELIVERY], "website": website})
    started = time.perf_counter()
    api.request("POST", "/api/lead-magnet/signup", body, {"Content-Type": "application/json"})
    answer = api.getresponse()
    answer.read()
    seconds = time.perf_counter() - started
    assert answer.status == 202, answer.status
    return seconds


def mann_whitney(one: list[float], other: list[float]) -> tuple[float, float]:
    """The two-sided p-value, and how often a value of `one` is the larger."""
    ranked = sorted((value, index < len(one)) for index, value in enumerate(one + other))
    rank_sum = sum(rank for rank, (_, first) in enumerate(ranked, 1) if first)
    n, m = len(one), len(other)
    u = rank_sum - n * (n + 1) / 2
    z = (u - n * m / 2) / math.sqrt(n * m * (n + m + 1) / 12)
    return math.erfc(abs(z) / math.sqrt(2)), u / (n * m)


def report(times: dict[str, list[float]]) -> None:
    tests = len(times) - 1
    print(
        f"{len(times['new'])} calls a state; with {tests} comparisons, p < {0.05 / tests:.4f} tells"
    )
    print(f"{'state':<14}{'median ms':>10}{'p10':>8}{'p90':>8}{'p':>10}{'P(slower)':>11}")
    for state, values in times.items():
        deciles = statistics.quantiles(values, n=10)
        p, slower = mann_whitney(values, times["new"]) if state != "new" else (1.0, 0.5)
        median = statistics.median(values) * 1000
        print(
            f"{state:<14}{median:>10.3f}{deciles[0] * 1000:>8.2f}{deciles[8] * 1000:>8.2f}"
            f"{p:>10.4f}{slower:>11.3f}{'  differs' if p < 0.05 / tests else ''}"
        )


if __name__ == "__main__":
    main()
