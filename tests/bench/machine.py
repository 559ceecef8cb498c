"""What a run cost this machine: CPU by process tree, memory, and what others took meanwhile."""

from __future__ import annotations

import os
import platform
import resource
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
PROC = Path("/proc")


def _stat(pid: int) -> list[str]:
    return (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()


def tree(root: int) -> list[int]:
    """The process and all below it."""
    children = defaultdict(list)
    for entry in PROC.iterdir():
        if entry.name.isdigit():
            try:
                children[int(_stat(int(entry.name))[1])].append(int(entry.name))
            except OSError:
                continue
    found = [root]
    for pid in found:
        found += children[pid]
    return found


def cpu_seconds(root: int) -> float:
    """User and system time of the tree, those it has buried included."""
    total = 0
    for pid in tree(root):
        try:
            total += sum(map(int, _stat(pid)[11:15]))
        except OSError:
            continue
    return total / TICKS


def busy_seconds() -> float:
    """What all processes of the machine used, and what a hypervisor took from it."""
    first = PROC.joinpath("stat").read_text().split("\n", 1)[0].split()[1:]
    user, nice, system, _idle, _wait, irq, softirq, steal = map(int, first[:8])
    return (user + nice + system + irq + softirq + steal) / TICKS


def own_seconds() -> float:
    """Of this process and those it started and buried, like the load generator."""
    return sum(
        usage.ru_utime + usage.ru_stime
        for usage in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    )


def pss_mb(pid: int) -> float:
    """The process's share of memory: pages it shares count by the number of sharers."""
    for line in (PROC / str(pid) / "smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    raise ValueError(pid)


@dataclass(frozen=True)
class Clock:
    """CPU seconds so far: of the application, of PostgreSQL, of us, of everything."""

    app: float
    postgres: float
    own: float
    busy: float

    @classmethod
    def read(cls, app: int | None, postgres: int) -> Clock:
        used = cpu_seconds(app) if app else 0.0
        return cls(used, cpu_seconds(postgres), own_seconds(), busy_seconds())

    def others_since(self, start: Clock) -> float:
        ours = self.app + self.postgres + self.own - start.app - start.postgres - start.own
        return max(0.0, self.busy - start.busy - ours)


def description() -> str:
    model = next(
        (
            line.partition(":")[2].strip()
            for line in (PROC / "cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    memory = int((PROC / "meminfo").read_text().split()[1]) / 2**20
    return (
        f"{os.cpu_count()} cores of {model}, {memory:.0f} GB, Linux {platform.release()},"
        f" Python {platform.python_version()}"
    )
