"""Runs of the two load generators: wrk for HTTP, pgbench for the bare statement."""

from __future__ import annotations

import itertools
import json
import re
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.bench.machine import Clock
from tests.bench.systems import HERE, Systems, load_links
from tests.support.stack import Service

serial = itertools.count(1)


@dataclass(frozen=True)
class Run:
    """One run of one system: per second, in milliseconds, milliseconds of CPU a request."""

    rate: float
    p50: float
    p99: float
    app_cpu: float
    postgres_cpu: float
    others: float


class RefusedError(RuntimeError):
    """Not all answers of a run were good."""


class Generator:
    """Loads a database's systems; remembers how fast each was, to lay out enough links."""

    def __init__(self, systems: Systems, seconds: float) -> None:
        self._systems = systems
        self._seconds = seconds
        self._rates: dict[tuple[str, str, int], float] = {}

    def http(self, service: Service, kind: str, clients: int, database: str) -> Run:
        """Raises RefusedError unless every answer is good."""
        series = self._prepare(service.name, kind, clients, database, at_first=6000)
        threads = min(2, clients)
        command = ["wrk", f"-t{threads}", f"-c{clients}", f"-d{self._seconds:g}s", "--timeout=10s"]
        command += ["-s", str(HERE / "wrk.lua"), service.url, "--"]
        path = "confirm" if kind == "confirm" else "signup"
        command += [path, series, str(threads), str(next(serial))]
        rows, start = self._rows(database, kind), self._clock(service)
        output = _output(command)
        end = self._clock(service)
        result = json.loads(output.splitlines()[-1])
        requests = int(result["requests"])
        made = self._made(database, kind, since=rows)
        if result["refused"] or result["broken"]:
            raise RefusedError(
                f"{service.name}, {kind}: not all answers are good: {result}"
                f"{service.child.last_output()}"
            )
        # What was in flight at the end counts as no answer, but may become a row.
        if not requests <= made <= requests + clients:
            raise RuntimeError(f"{requests} answers, {made} rows")
        self._rates[service.name, kind, clients] = requests / result["seconds"]
        return Run(
            requests / result["seconds"],
            result["p50"],
            result["p99"],
            (end.app - start.app) / requests * 1000,
            (end.postgres - start.postgres) / requests * 1000,
            end.others_since(start) / result["seconds"],
        )

    def pgbench(self, script: Path, kind: str, clients: int, database: str) -> Run:
        series = self._prepare("pgbench", kind, clients, database, at_first=12000)
        command: list[str | Path] = [
            *(self._systems.postgres.bin / "pgbench", "-n", "-M", "prepared", "-f", script),
            *("-c", str(clients), "-j", str(min(2, clients)), "-T", f"{self._seconds:g}"),
            *("-D", f"series={series}", "-D", "i=-1", "-D", f"clients={clients}"),
            *("--random-seed", str(next(serial)), self._systems.url(database)),
        ]
        rows, start = self._rows(database, kind), self._clock(None)
        output = _output(command)
        end = self._clock(None)
        requests = int(_found(r"actually processed: (\d+)", output))
        if _found(r"failed transactions: (\d+)", output) != "0":
            raise RuntimeError(output)
        if (made := self._made(database, kind, since=rows)) != requests:
            raise RuntimeError(f"{requests} answers, {made} rows")
        rate = float(_found(r"tps = ([\d.]+)", output))
        self._rates["pgbench", kind, clients] = rate
        latency = float(_found(r"latency average = ([\d.]+)", output))
        postgres_cpu = (end.postgres - start.postgres) / requests * 1000
        others = end.others_since(start) / self._seconds
        return Run(rate, latency, float("nan"), 0.0, postgres_cpu, others)

    def _prepare(
        self, name: str, kind: str, clients: int, database: str, *, at_first: float
    ) -> str:
        series = f"b{next(serial)}"
        if kind == "confirm":
            # Others may have slowed the last run down: enough for one that is three times as fast.
            rate = max(3 * self._rates.get((name, kind, clients), at_first / 3), at_first / 3)
            load_links(self._systems, database, series, int(rate * self._seconds) + 100)
        return series

    def _clock(self, service: Service | None) -> Clock:
        return Clock.read(service.pid if service else None, self._systems.postgres_pid)

    def _rows(self, database: str, kind: str) -> int:
        """How many rows there were ever of what a good answer stands for: a waiting request, or an
        event of the ledger. No request waits from a run before."""
        sequence = "lm_requests_id_seq" if kind == "signup" else "lm_consent_events_id_seq"
        with self._systems.superuser(database) as conn:
            row = conn.execute(
                f"SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM {sequence}".encode()
            ).fetchone()
        assert row
        return int(row[0])

    def _made(self, database: str, kind: str, *, since: int) -> int:
        """How many rows a run made, each good answer one; the next run starts with none waiting."""
        # What was in flight when the generator hung up is still worked off: it must not count as
        # the next run's.
        rows, last = self._rows(database, kind), -1
        while rows != last:
            time.sleep(0.2)
            last, rows = rows, self._rows(database, kind)
        with self._systems.superuser(database) as conn:
            conn.execute("DELETE FROM lm_requests")
        return rows - since


def _output(command: Sequence[str | Path]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{command[0]}: {done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.stdout


def _found(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    if not found:
        raise RuntimeError(text)
    return found[1]
