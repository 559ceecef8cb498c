"""The doctor as the worker runs it: one check a step, the verdicts recorded, nobody delayed."""

from __future__ import annotations

import json
import time
from dataclasses import replace

import pytest

from leadmagnet.adapters.inspection import NotAnswered
from leadmagnet.doctor import verdicts
from leadmagnet.doctor.examination import CATEGORIES
from leadmagnet.doctor.findings import fail, ok
from leadmagnet.maintenance import DOCTOR_AFTER_SECONDS, Maintenance
from tests.support.client import client_of
from tests.support.services import NO_FILES

TOKEN = "m" * 40


@pytest.fixture
def checks(monkeypatch):
    """Three checks of two categories, whose findings the test changes."""
    findings = {"account": fail("a", "b"), "dkim": fail("a", "b"), "dmarc": ok("c")}
    made = {name: lambda given, name=name: findings[name] for name in findings}
    for category in CATEGORIES:
        monkeypatch.setitem(CATEGORIES, category, {})
    monkeypatch.setitem(CATEGORIES, "mail", {name: made[name] for name in ("account", "dkim")})
    monkeypatch.setitem(CATEGORIES, "dns", {"dmarc": made["dmarc"]})
    return findings


def told(start):
    text = client_of(start(METRICS_TOKEN=TOKEN)).get(
        "/metrics", headers={"Authorization": f"Bearer {TOKEN}"}
    )
    return [line for line in text.text.splitlines() if line.startswith("leadmagnet_doctor")]


def test_what_fails_is_logged_and_counted_and_looked_at_again_within_the_hour(
    checks, given, start, log_lines
):
    assert told(start) == []
    assert list(verdicts.take(given)) == [0, 0, 0, 3600]
    assert 'leadmagnet_doctor_failing{category="mail"} 2.0' in told(start)
    assert 'leadmagnet_doctor_failing{category="dns"} 0.0' in told(start)
    said = [each for each in map(json.loads, log_lines()) if each["event"] == "doctor_failed"]
    assert [(line["category"], line["check"]) for line in said] == [
        *(("mail", "account"), ("mail", "dkim"))
    ]
    assert {line["level"] for line in said} == {"error"}
    checks["account"] = checks["dkim"] = ok("mended")
    assert list(verdicts.take(given))[-1] == 86_400
    assert 'leadmagnet_doctor_failing{category="mail"} 0.0' in told(start)


def test_what_failed_counts_as_failing_until_it_can_be_looked_at_again(
    checks, given, start, database, monkeypatch
):
    list(verdicts.take(given))

    def silent(given):
        raise NotAnswered("ConnectTimeoutError")

    made = CATEGORIES["mail"]["account"]
    checks["dkim"] = ok("mended")
    monkeypatch.setitem(CATEGORIES["mail"], "account", silent)
    assert list(verdicts.take(given))[-1] == 3600
    assert 'leadmagnet_doctor_failing{category="mail"} 2.0' in told(start)
    kept = database.rows("SELECT category FROM lm_doctor_verdicts WHERE skipped = 1")
    assert kept == [{"category": "mail"}]
    checks["account"] = ok("mended")
    monkeypatch.setitem(CATEGORIES["mail"], "account", made)
    assert list(verdicts.take(given))[-1] == 86_400
    assert 'leadmagnet_doctor_failing{category="mail"} 0.0' in told(start)
    assert database.rows("SELECT 1 FROM lm_doctor_verdicts WHERE skipped > 0") == []


def test_the_worker_has_it_look_after_its_start_a_check_at_a_time(
    checks, services, database, monkeypatch
):
    maintenance = Maintenance(replace(services, files=NO_FILES))
    maintenance.run_due()
    assert maintenance.take_due() is None
    now = time.monotonic() + DOCTOR_AFTER_SECONDS
    monkeypatch.setattr(time, "monotonic", lambda: now)
    for _ in range(4):
        assert database.rows("SELECT * FROM lm_doctor_verdicts") == []
        maintenance.run_due()
    assert len(database.rows("SELECT * FROM lm_doctor_verdicts")) == len(CATEGORIES)
    assert maintenance.take_due() is None
