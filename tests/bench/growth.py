"""Part `growth`: the same work on lists of ten thousand, a hundred thousand and a million."""

from __future__ import annotations

import time
from collections import defaultdict
from statistics import median

from leadmagnet.config import Config
from tests.bench.load import Generator
from tests.bench.statements import script
from tests.bench.systems import Systems
from tests.bench.tables import number, spread, table

SIZES = (10_000, 100_000, 1_000_000)
CLIENTS = 16
# Generators of load: the real application, and the bare statement, which feels a slow plan more.
WAYS = {"us": "HTTP", "pgbench": "pgbench"}
KINDS = ("signup", "confirm")


def run(systems: Systems, *, rounds: int, seconds: float) -> str:
    names = {f"people_{size}": size for size in SIZES}
    began = time.monotonic()
    for name, size in names.items():
        systems.create(name, size)
    loading = time.monotonic() - began
    services = {name: systems.us(name) for name in names}
    scripts = {}
    for kind in KINDS:
        scripts[kind] = systems.folder / f"growth-{kind}.pgbench"
        config = Config.from_env(systems.environment(next(iter(names))))
        scripts[kind].write_text(script(config, kind))
        scripts[kind].chmod(0o644)
    generators = {name: Generator(systems, seconds) for name in names}
    rates: dict[tuple[str, str, str], list[float]] = defaultdict(list)

    def run_once(way: str, kind: str, name: str) -> float:
        if way == "us":
            return generators[name].http(services[name], kind, CLIENTS, name).rate
        return generators[name].pgbench(scripts[kind], kind, CLIENTS, name).rate

    # The first round warms pages and pools.
    for turn in range(rounds + 1):
        for way in WAYS:
            for kind in KINDS:
                # Forth and back, so that a machine that slows down favours no size.
                for name in list(names)[:: 1 if turn % 2 else -1]:
                    rate = run_once(way, kind, name)
                    rates[way, kind, name] += [rate] * (turn > 0)
    smallest = next(iter(names))
    rows = []
    for (way, kind, name), each in sorted(rates.items(), key=lambda item: names[item[0][2]]):
        ratio = median(a / b for a, b in zip(each, rates[way, kind, smallest], strict=True))
        what = f"{kind}, {WAYS[way]}"
        speed = number(median(each))
        rows.append([f"{names[name]:,}", what, speed, number(ratio), f"{spread(each):.0%}"])
    head = ["subscribers", "", "requests/s", "of the smallest", "spread"]
    return f"### growth\n\n{table(head, rows)}\n\nLoaded in {loading:.0f} s; {CLIENTS} clients."
