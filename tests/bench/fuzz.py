"""`make fuzz`: schemathesis with all its checks against the real processes, REQUESTS of them.

    .venv/bin/python -m tests.bench.fuzz [REQUESTS] [SEED]

Ends with 1 for a 5xx, an undocumented status, a mismatch with the schema, or a surprise in the log.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

from tests.bench.systems import funnel

# The contract's limits would answer 429 to nearly all of it.
SETTINGS = {"LOG_LEVEL": "INFO"}
CHECKS = str(Path(__file__).with_name("schemathesis.toml"))
# What a schema cannot say: an address may be valid to it and still be a 422, which is documented.
LEFT_OUT = "positive_data_acceptance"


def main() -> int:
    requests = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    seed = sys.argv[2] if len(sys.argv) > 2 else "1"
    with funnel(**SETTINGS) as (api, _), tempfile.TemporaryDirectory() as folder:
        started = time.monotonic()
        log = api.child.log
        assert log
        sent = runs = 0
        failed = False
        # The fuzzer takes examples for each operation, and stops early where it has seen all: it
        # is sent again, with other seeds, until the number is reached. Two processes, because its
        # own threads share one interpreter, and it is what takes the time.
        while sent < requests and not failed:
            fuzzers = []
            for _ in range(2):
                command = [sys.executable, "-m", "schemathesis.cli", "--config-file", CHECKS, "run"]
                command += [f"{api.url}/openapi.yaml", "--checks=all", "--no-color"]
                command += [f"--exclude-checks={LEFT_OUT}", f"--seed={int(seed) + runs}"]
                command += [f"--max-examples={_examples(requests - sent)}", "--warnings=off"]
                command += ["--generation-database=none", "--continue-on-failure"]
                output = open(Path(folder, f"{runs}.txt"), "wb")  # noqa: SIM115
                fuzzers.append((subprocess.Popen(command, cwd=folder, stdout=output), output))
                runs += 1
            for fuzzer, output in fuzzers:
                failed |= fuzzer.wait() != 0
                output.close()
                print(Path(output.name).read_text(), flush=True)
            before, sent = sent, _answered(log)
            if sent - before < 100:
                break
        seconds = time.monotonic() - started
        surprises = log.read_text().count('"event": "unhandled_exception"')
    print(
        f"{sent} requests in {seconds:.0f} s, seeds {seed} to {int(seed) + runs - 1};"
        f" {surprises} surprises in the log"
    )
    return 1 if failed or surprises or sent < requests else 0


def _examples(requests: int) -> int:
    with open("openapi.yaml", encoding="utf-8") as file:
        paths = yaml.safe_load(file)["paths"].values()
    operations = sum(
        method in ("get", "post", "put", "delete") for path in paths for method in path
    )
    return max(10, min(500, requests // operations // 2))


def _answered(log: Path) -> int:
    return log.read_text().count('"event": "request"')


if __name__ == "__main__":
    sys.exit(main())
