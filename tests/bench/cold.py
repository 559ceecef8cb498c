"""Part `cold`: from the start of a serving process to its first answer, and what imports cost."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections import defaultdict
from statistics import median

from leadmagnet.dev.processes import stop
from tests.bench.systems import Systems
from tests.bench.tables import table

DATABASE = "cold"
LINE = re.compile(r"import time:\s+(\d+) \|\s+\d+ \|\s*(\S+)")


def run(systems: Systems, *, rounds: int) -> str:
    systems.create(DATABASE, 1000)
    seconds = []
    for _ in range(rounds):
        began = time.monotonic()
        service = systems.us(DATABASE)
        seconds.append(time.monotonic() - began)
        stop(service.child)
    packages: dict[str, list[float]] = defaultdict(list)
    for _ in range(rounds):
        for package, cost in _imports(systems).items():
            packages[package].append(cost)
    costs = {package: median(each) for package, each in packages.items()}
    dearest = sorted(costs.items(), key=lambda item: -item[1])[:10]
    rows = [(package, f"{cost:.0f}") for package, cost in dearest]
    return (
        f"### cold start\n\n{median(seconds) * 1000:.0f} ms from `leadmagnet serve` to the first"
        " answer with a database behind it (`/readyz`). What its imports cost, as `-X importtime`"
        f" counts, {sum(costs.values()):.0f} ms in all:\n\n{table(['package', 'ms'], rows)}"
    )


def _imports(systems: Systems) -> dict[str, float]:
    """Milliseconds by top-level package, the standard library as one."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", "import leadmagnet.wsgi"],
        env=systems.environment(DATABASE),
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[str, float] = defaultdict(float)
    for micros, module in LINE.findall(done.stderr):
        package = module.partition(".")[0]
        standard = package in sys.stdlib_module_names or package.startswith("_")
        found["the standard library" if standard else package] += int(micros) / 1000
    return found
