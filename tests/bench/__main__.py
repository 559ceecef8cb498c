"""`make bench`: how fast it is, against what a user would pick instead, and against the limit.

make bench                                everything, in a quarter of an hour
make bench BENCH="speed --rounds 3"       one part, shorter
"""

from __future__ import annotations

import argparse
import time
from datetime import UTC, datetime

from tests.bench import cold, drain, events, growth, inside, machine, settle, speed, systems

PARTS = ("speed", "settle", "inside", "growth", "drain", "events", "cold")


def run(part: str, running: systems.Systems, options: argparse.Namespace) -> str:
    if part == "inside":
        return inside.run(running, rounds=options.rounds)
    if part == "settle":
        return settle.run(running, rounds=min(3, options.rounds))
    if part == "growth":
        return growth.run(running, rounds=options.rounds, seconds=options.seconds)
    if part == "drain":
        return drain.run(running, rounds=min(3, options.rounds))
    if part == "events":
        return events.run(running, rounds=min(3, options.rounds))
    if part == "cold":
        return cold.run(running, rounds=options.rounds)
    return speed.run(
        running,
        kinds=options.kinds,
        rounds=options.rounds,
        seconds=options.seconds,
        clients=tuple(options.clients),
        granian=options.granian,
        settling=not options.accept_only,
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench", description="Parts: " + ", ".join(PARTS))
    parser.add_argument("parts", nargs="*", default=PARTS, help="all without")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3, help="of each run")
    parser.add_argument("--clients", type=int, nargs="+", default=speed.CLIENTS)
    parser.add_argument("--kinds", nargs="+", default=["signup", "confirm"])
    parser.add_argument("--granian", action="store_true", help="also this API on granian")
    parser.add_argument("--accept-only", action="store_true", help="no worker beside the API")
    options = parser.parse_args()
    if unknown := set(options.parts) - set(PARTS):
        parser.error(f"no part {', '.join(unknown)}; there are {', '.join(PARTS)}")
    began = time.monotonic()
    print(f"{datetime.now(UTC):%Y-%m-%d}, {machine.description()}\n", flush=True)
    with systems.running() as running:
        for part in options.parts:
            print(run(part, running, options) + "\n", flush=True)
    print(f"\n{(time.monotonic() - began) / 60:.1f} minutes")


if __name__ == "__main__":
    main()
