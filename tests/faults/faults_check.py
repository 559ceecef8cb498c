"""A short version of each scenario of the fault campaign: `make check-faults`.

Not collected with the tests: most of its time is waiting for leases, limits and stalls to end.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from leadmagnet.dev.postgres import Postgres
from tests.faults.scenarios import SCENARIOS, SHORT
from tests.faults.stage import stage_on


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_short_fault_campaign(postgres: Postgres, tmp_path: Path, name: str) -> None:
    with stage_on(postgres, tmp_path) as stage:
        SCENARIOS[name](stage, SHORT)
