"""Parts `signup` and `confirm`: us, the alternative and the limit, in turns."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from statistics import median

from leadmagnet.config import Config
from tests.bench.drain import ANSWER_SECONDS
from tests.bench.load import Generator, Run
from tests.bench.machine import pss_mb, tree
from tests.bench.statements import script
from tests.bench.systems import Systems
from tests.bench.tables import number, spread, table

CLIENTS = (1, 16, 64)
PEOPLE = 10_000
DATABASE = "speed"
NAMES = {
    "us": "this API",
    "unpaced": "this API without the beat",
    "granian": "the same on granian",
    "fastapi": "FastAPI + asyncpg",
    "pgbench": "pgbench",
}
# A signup's answer waits for the next beat, to say nothing by its time: a wait, not work.
NO_BEAT = {"BEAT_MILLISECONDS": "0"}


def run(
    systems: Systems,
    *,
    kinds: list[str],
    rounds: int,
    seconds: float,
    clients: tuple[int, ...],
    granian: bool,
) -> str:
    systems.create(DATABASE, PEOPLE)
    config = Config.from_env(systems.environment(DATABASE))
    scripts = {kind: systems.folder / f"{kind}.pgbench" for kind in kinds}
    for kind, path in scripts.items():
        path.write_text(script(config, kind))
        path.chmod(0o644)
    unpaced = replace(systems.us(DATABASE, **NO_BEAT), name="unpaced")
    services = [systems.us(DATABASE), unpaced, systems.fastapi(DATABASE)]
    services += [systems.granian(DATABASE, **NO_BEAT)] if granian else []
    # A confirmation knows no beat.
    measured = {kind: [s for s in services if kind == "signup" or s != unpaced] for kind in kinds}
    # As in `make run`, what was signed up is mailed meanwhile, at the rate of the settings.
    ses = systems.ses(delay=ANSWER_SECONDS)
    systems.worker(DATABASE, AWS_ENDPOINT_URL_SESV2=ses.url)
    generator = Generator(systems, seconds)
    runs: dict[tuple[str, int, str], list[Run]] = defaultdict(list)

    def one_round(turn: int) -> None:
        for kind in kinds:
            for count in clients:
                # Whoever comes first pays for what the last one has left to the disk and to
                # autovacuum: each comes first in turn.
                in_turn = [*measured[kind], None]
                first = turn % len(in_turn)
                for service in in_turn[first:] + in_turn[:first]:
                    if service:
                        done = generator.http(service, kind, count, DATABASE)
                    else:
                        done = generator.pgbench(scripts[kind], kind, count, DATABASE)
                    runs[kind, count, service.name if service else "pgbench"].append(done)

    warm = Generator(systems, 1)
    for kind in kinds:
        for service in measured[kind]:
            warm.http(service, kind, 16, DATABASE)
    for turn in range(rounds):
        one_round(turn)
    parts = [_report(kind, runs, clients, [s.name for s in measured[kind]]) for kind in kinds]
    memory = [
        (NAMES[s.name], f"{sum(map(pss_mb, tree(s.pid)[1:])):.0f}", f"{pss_mb(s.pid):.0f}")
        for s in services
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


def _report(
    kind: str,
    runs: dict[tuple[str, int, str], list[Run]],
    clients: tuple[int, ...],
    services: list[str],
) -> str:
    rows = []
    for count in clients:
        rates = {
            name: [run.rate for run in runs[kind, count, name]] for name in [*services, "pgbench"]
        }
        for name in [*services, "pgbench"]:
            each = runs[kind, count, name]
            ratios = [
                ""
                if name == other
                else number(median(a / b for a, b in zip(rates[name], rates[other], strict=True)))
                for other in ("fastapi", "pgbench")
            ]
            rows.append(
                [
                    f"{count} × {NAMES[name]}",
                    *(
                        number(median(getattr(r, field) for r in each))
                        for field in ("rate", "p50", "p99")
                    ),
                    *ratios,
                    *(
                        number(median(getattr(r, field) for r in each))
                        for field in ("app_cpu", "postgres_cpu")
                    ),
                    f"{spread(rates[name]):.0%}",
                ]
            )
    head = [
        "clients",
        "requests/s",
        "p50 ms",
        "p99 ms",
        "of FastAPI",
        "of pgbench",
        "CPU ms app",
        "CPU ms PostgreSQL",
        "spread",
    ]
    return f"### {kind}\n\n{table(head, rows)}"
