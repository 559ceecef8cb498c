"""Runs the real Prometheus on deploy/prometheus and deploy/grafana, scraping the real API: `make
check-alerts`.

Not collected with the tests: they need no Prometheus, and a test that skips itself proves nothing.
"""

from __future__ import annotations

import json
import math
import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from leadmagnet.dev.ports import free_port
from tests.support.client import sign_up
from tests.support.database import TestDatabase
from tests.support.paths import path_of
from tests.support.servers import Server, post, status
from tests.support.waiting import until

RULES = path_of("deploy/prometheus/rules.yaml")
DASHBOARD = json.loads(path_of("deploy/grafana/lead-magnet.json").read_text("utf-8"))
# What Grafana puts in for it, at a scrape every second.
RATE_INTERVAL = "30s"
TARGETS = {
    f"{panel['title']}: {target['legendFormat']}": target["expr"].replace(
        "$__rate_interval", RATE_INTERVAL
    )
    for panel in DASHBOARD["panels"]
    for target in panel["targets"]
}
TOKEN = "m" * 40


def promtool(*arguments: object) -> str:
    done = subprocess.run(["promtool", *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_rules_are_valid():
    assert "12 rules found" in promtool("check", "rules", "--lint=all", "--lint-fatal", RULES)


def test_the_alerts_fire_when_they_should_and_only_then():
    assert "SUCCESS" in promtool("test", "rules", path_of("tests/alerts/rules_test.yaml"))


class Prometheus:
    """Scrapes one API every second, on loopback, until stopped."""

    def __init__(self, folder: Path, *, api: int) -> None:
        self.url = f"http://127.0.0.1:{free_port()}"
        (folder / "token").write_text(TOKEN)
        scrape = {
            "job_name": "lead-magnet",
            "scrape_interval": "1s",
            "authorization": {"credentials_file": str(folder / "token")},
            "static_configs": [{"targets": [f"127.0.0.1:{api}"]}],
        }
        configuration = {
            "global": {"evaluation_interval": "1s"},
            "scrape_configs": [scrape],
            "rule_files": [str(RULES)],
        }
        (folder / "prometheus.yml").write_text(yaml.safe_dump(configuration))
        promtool("check", "config", folder / "prometheus.yml")
        self.process = subprocess.Popen(
            [
                *("prometheus", f"--config.file={folder / 'prometheus.yml'}"),
                f"--storage.tsdb.path={folder / 'data'}",
                f"--web.listen-address={self.url.removeprefix('http://')}",
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def ask(self, path: str, **parameters: str) -> Any:
        try:
            answer = requests.get(f"{self.url}/api/v1/{path}", params=parameters, timeout=5)
        except (requests.ConnectionError, requests.Timeout):
            return None
        # While it starts, it answers 503 in plain text.
        return answer.json().get("data") if answer.ok else None

    def values(self, expression: str) -> list[float]:
        """What the expression gives now; NaN, of nothing divided by nothing, is no value."""
        data = self.ask("query", query=expression) or {"result": []}
        values = [float(sample["value"][1]) for sample in data["result"]]
        return [value for value in values if not math.isnan(value)]

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(timeout=60)


@pytest.fixture
def api(database: TestDatabase, aws: object) -> Iterator[Server]:
    server = Server(database.url, METRICS_TOKEN=TOKEN, WEB_WORKERS="2")
    yield server
    server.stop()


@pytest.fixture
def prometheus(api: Server, tmp_path: Path) -> Iterator[Prometheus]:
    prometheus = Prometheus(tmp_path, api=api.port)
    yield prometheus
    prometheus.stop()


def test_every_panel_and_every_alert_gets_figures(prometheus, api, client, mailbox, database):
    """Somebody signs up and clicks the button, before a scrape and after it."""
    database.rows("INSERT INTO lm_doctor_verdicts VALUES ('mail', 0)")
    until(lambda: prometheus.values("up"), seconds=120, what="a scrape")
    sign_up(client)
    body = json.dumps({"token": mailbox.deliver().token()}).encode()
    click = post(body, f"Content-Length: {len(body)}", "Connection: close", path="confirm")
    assert status(api.send(click)) == 200
    handed_out = TARGETS["Confirmations and files: files"]
    until(lambda: prometheus.values(handed_out), seconds=120, what="two scrapes of the first file")
    assert status(api.send(click)) == 200
    until(lambda: prometheus.values(f"{handed_out} > 0"), seconds=120, what="the second file")
    confirmed = TARGETS["Confirmations and files: confirmed"]
    until(lambda: prometheus.values(confirmed) == [1.0], seconds=120, what="the confirmation")
    for name, expression in TARGETS.items():
        found = until(partial(prometheus.values, expression), seconds=120, what=name)
        print(f"{name:<55} {', '.join(f'{value:.4g}' for value in found)}")

    def evaluated() -> list[dict[str, Any]]:
        (group,) = (prometheus.ask("rules") or {}).get("groups") or [{"rules": []}]
        return group["rules"] if all(rule["health"] == "ok" for rule in group["rules"]) else []

    rules = until(evaluated, seconds=120, what="all alerts evaluated")
    print("\n".join(f"{rule['name']:<55} {rule['state']}" for rule in rules))
    assert len(rules) == 12
