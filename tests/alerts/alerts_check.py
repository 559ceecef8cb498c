"""Runs Prometheus's own tool on deploy/prometheus: `make check-alerts`.

Not collected with the tests: they need no Prometheus, and a test that skips itself proves nothing.
"""

from __future__ import annotations

import subprocess

from tests.support.paths import path_of

RULES = path_of("deploy/prometheus/rules.yaml")


def promtool(*arguments: object) -> str:
    done = subprocess.run(["promtool", *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_rules_are_valid():
    assert "12 rules found" in promtool("check", "rules", "--lint=all", "--lint-fatal", RULES)


def test_the_alerts_fire_when_they_should_and_only_then():
    assert "SUCCESS" in promtool("test", "rules", path_of("tests/alerts/rules_test.yaml"))
