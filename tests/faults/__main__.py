"""Run the campaign: `make faults`, or `python -m tests.faults 1 4` for some of its scenarios."""

from __future__ import annotations

import os
import platform
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from tests.faults.scenarios import FULL, SCENARIOS
from tests.faults.stage import stage_on
from tests.support.stack import migrated_postgres
from tests.support.waiting import Failed


def main(wanted: list[str]) -> int:
    chosen = {
        name: run for name, run in SCENARIOS.items() if not wanted or name.split()[0] in wanted
    }
    print(f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores, {platform.machine()}\n")
    print("| scenario | what was done | measured | verdict |\n| --- | --- | --- | --- |")
    failed = 0
    began = time.monotonic()
    with (
        tempfile.TemporaryDirectory(prefix="faults-") as folder,
        migrated_postgres(Path(folder), durable=True) as postgres,
    ):
        for name, run in chosen.items():
            started = time.monotonic()
            try:
                with stage_on(postgres, Path(folder)) as stage:
                    done, measured = run(stage, FULL)
                verdict = "kept"
            except Failed as error:
                done, measured, verdict = run.__name__, str(error), "**FAILED**"
                failed += 1
            seconds = f"{time.monotonic() - started:.0f} s"
            print(f"| {name} | {done} ({seconds}) | {measured} | {verdict} |", flush=True)
    print(f"\n{len(chosen) - failed} of {len(chosen)} kept, in {time.monotonic() - began:.0f} s")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
