"""Parts `signup` and `confirm`: us, the alternative and the limit, in turns."""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median

from leadmagnet.config import Config
from tests.bench import signup_at_once
from tests.bench.drain import ANSWER_SECONDS
from tests.bench.load import Generator, RefusedError, Run
from tests.bench.machine import pss_mb, tree
from tests.bench.statements import script
from tests.bench.systems import Systems
from tests.bench.tables import number, spread, table
from tests.support.stack import Service

CLIENTS = (1, 16, 64)
PEOPLE = 10_000
DATABASE = "speed"
# What is measured for each kind, and what each run is called in the tables. `at_once` is the signup
# as one statement that decides everything before the answer.
NAMES = {
    "us": "this API",
    "granian": "the same on granian",
    "fastapi": "FastAPI + asyncpg, the same statement",
    "at_once": "FastAPI + asyncpg, deciding at once",
    "pgbench": "pgbench, the statement",
    "pgbench_at_once": "pgbench, deciding at once",
}
BASELINES = {"fastapi": "of FastAPI", "at_once": "of deciding at once", "pgbench": "of pgbench"}


def run(
    systems: Systems,
    *,
    kinds: list[str],
    rounds: int,
    seconds: float,
    clients: tuple[int, ...],
    granian: bool,
    settling: bool,
) -> str:
    systems.create(DATABASE, PEOPLE)
    with systems.superuser(DATABASE) as conn:
        conn.execute(signup_at_once.table().encode())
    services = {"us": systems.us(DATABASE), "fastapi": systems.fastapi(DATABASE)}
    at_once = systems.fastapi(DATABASE, SIGNUP="at_once")
    if granian:
        services["granian"] = systems.granian(DATABASE)
    generator = Generator(systems, seconds)
    scripts = _scripts(systems)

    def runs_of(kind: str) -> dict[str, Callable[[Generator, int], Run]]:
        """A run of each system that is measured for this kind, by its name."""
        found: dict[str, Callable[[Generator, int], Run]] = {
            name: partial(_http, service, kind) for name, service in services.items()
        }
        if kind == "signup":
            found["at_once"] = partial(_http, at_once, "at_once")
            found["pgbench_at_once"] = partial(_pgbench, scripts["at_once"], "at_once")
        found["pgbench"] = partial(_pgbench, scripts[kind], kind)
        return found

    measured = {kind: runs_of(kind) for kind in kinds}
    if settling:
        # As in production, what was asked is settled and mailed meanwhile, on the same two cores.
        ses = systems.ses(delay=ANSWER_SECONDS)
        systems.worker(DATABASE, AWS_ENDPOINT_URL_SESV2=ses.url)
    runs: dict[tuple[str, int, str], list[Run]] = defaultdict(list)
    warm = Generator(systems, 1)
    for kind in kinds:
        for measure in measured[kind].values():
            measure(warm, 16)
    for turn in range(rounds):
        for kind in kinds:
            for count in clients:
                try:
                    found = _round(generator, measured[kind], count, turn)
                except RefusedError as error:
                    # A disk that stalls for two seconds makes anybody answer 503: the round says
                    # nothing about the others' speed then.
                    print(f"left out: {count} clients: {error}", file=sys.stderr, flush=True)
                    continue
                for name, done in found.items():
                    runs[kind, count, name].append(done)
    parts = [_report(kind, runs, clients, list(measured[kind])) for kind in kinds]
    memory = [
        (NAMES[name], f"{sum(map(pss_mb, tree(s.pid)[1:])):.0f}", f"{pss_mb(s.pid):.0f}")
        for name, s in services.items()
    ]
    parts.append(
        "Memory after that (PSS, MB):\n\n" + table(["", "two workers", "their master"], memory)
    )
    noise = [run.others for each in runs.values() for run in each]
    parts.append(
        f"Noise: {rounds} rounds in turns of {seconds:g} s; between rounds, requests/s of the same"
        f" system differed by {median(spread(r.rate for r in each) for each in runs.values()):.0%}"
        f" (median), {max(spread(r.rate for r in each) for each in runs.values()):.0%} (worst);"
        f" other processes used {median(noise):.2f} of a core (median), {max(noise):.2f} (worst)."
    )
    return "\n\n".join(parts)


def _scripts(systems: Systems) -> dict[str, Path]:
    config = Config.from_env(systems.environment(DATABASE))
    scripts = {}
    for kind in ("signup", "at_once", "confirm"):
        scripts[kind] = systems.folder / f"{kind}.pgbench"
        scripts[kind].write_text(script(config, kind))
        scripts[kind].chmod(0o644)
    return scripts


def _http(service: Service, kind: str, generator: Generator, count: int) -> Run:
    return generator.http(service, kind, count, DATABASE)


def _pgbench(path: Path, kind: str, generator: Generator, count: int) -> Run:
    return generator.pgbench(path, kind, count, DATABASE)


def _round(
    generator: Generator,
    measured: dict[str, Callable[[Generator, int], Run]],
    count: int,
    turn: int,
) -> dict[str, Run]:
    """A run of each. The first one pays for what the one before has left to the disk and to
    autovacuum, so that each comes first in turn."""
    names = list(measured)
    first = turn % len(names)
    return {name: measured[name](generator, count) for name in names[first:] + names[:first]}


def _report(
    kind: str,
    runs: dict[tuple[str, int, str], list[Run]],
    clients: tuple[int, ...],
    names: list[str],
) -> str:
    rows = []
    for count in clients:
        rates = {name: [run.rate for run in runs[kind, count, name]] for name in names}
        for name in names:
            found = runs[kind, count, name]
            if not found:
                continue
            ratios = [
                number(median(a / b for a, b in zip(rates[name], rates[other], strict=True)))
                if other in rates and name != other
                else ""
                for other in BASELINES
            ]
            fields = ("rate", "p50", "p99")
            costs = ("app_cpu", "postgres_cpu")
            rows.append(
                [
                    f"{count} × {NAMES[name]}",
                    *(number(median(getattr(run, field) for run in found)) for field in fields),
                    *ratios,
                    *(number(median(getattr(run, field) for run in found)) for field in costs),
                    f"{spread(rates[name]):.0%}",
                ]
            )
    head = ["clients", "requests/s", "p50 ms", "p99 ms", *BASELINES.values()]
    head += ["CPU ms app", "CPU ms PostgreSQL", "spread"]
    more = _more_clients(kind, runs, clients, names)
    return f"### {kind}\n\n{table(head, rows)}\n\n{more}"


def _more_clients(
    kind: str,
    runs: dict[tuple[str, int, str], list[Run]],
    clients: tuple[int, ...],
    names: list[str],
) -> str:
    """How the rate changes from 16 clients to 64."""
    if not {16, 64} <= set(clients):
        return ""
    found = {
        name: [
            many.rate / few.rate
            for many, few in zip(runs[kind, 64, name], runs[kind, 16, name], strict=False)
        ]
        for name in names
    }
    said = [f"{NAMES[name]} {median(ratios):.2f}" for name, ratios in found.items() if ratios]
    return "64 clients against 16: " + ", ".join(said) + "."
