"""Dashboard, alerts, runbook and log table name what there is, and all that there is."""

from __future__ import annotations

import ast
import json
import re
from itertools import combinations

import pytest
import yaml

from tests.contract.test_documents import anchors, text_of
from tests.contract.test_house_rules import PRODUCT
from tests.support.client import client_of, confirm, sign_up
from tests.support.paths import path_of

DASHBOARD = json.loads(text_of("deploy/grafana/lead-magnet.json"))
PANELS = DASHBOARD["panels"]
(GROUP,) = yaml.safe_load(text_of("deploy/prometheus/rules.yaml"))["groups"]
ALERTS = {rule["alert"]: rule for rule in GROUP["rules"]}
EXPRESSIONS = [
    *(target["expr"] for panel in PANELS for target in panel["targets"]),
    *(rule["expr"] for rule in ALERTS.values()),
]
TOKEN = "m" * 40
# Of libraries, and of the stream itself: no call of ours says them.
SAID_BY_TELEMETRY = {"library_warning", "log_lines_dropped"}


def section(heading: str) -> str:
    """A chapter of the operator's document, up to the next one."""
    (_, text) = text_of("docs/operating.md").split(f"\n## {heading}\n")
    return text.partition("\n## ")[0]


@pytest.fixture
def exported(start, mailbox, database):
    """The names of /metrics after a funnel, and the labels of each."""
    client = client_of(start(METRICS_TOKEN=TOKEN))
    database.rows("INSERT INTO lm_doctor_verdicts VALUES ('mail', 1)")
    sign_up(client)
    confirm(client, mailbox.deliver().token())
    text = client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"}).text
    found = {}
    for name, labels in re.findall(r"^(leadmagnet_\w+)(?:\{(.*)\})? ", text, re.M):
        if not name.endswith("_created"):
            found.setdefault(name, set()).update(re.findall(r"(\w+)=\"", labels))
    return found


def of_metric(name):
    """The metric that a sample of a histogram is of."""
    return re.sub(r"_(bucket|count|sum)$", "", name)


def test_dashboard_and_alerts_use_every_metric_and_no_other(exported):
    used = {name for text in EXPRESSIONS for name in re.findall(r"\bleadmagnet_\w+", text)}
    assert used <= set(exported)
    assert {of_metric(name) for name in used} == {of_metric(name) for name in exported}


def test_an_expression_asks_for_labels_that_there_are(exported, subtests):
    for text in EXPRESSIONS:
        with subtests.test(str(text)):
            for name, matchers in re.findall(r"(leadmagnet_\w+)\{([^}]*)\}", text):
                assert set(re.findall(r"(\w+)(?:=~|!~|!=|=)\"", matchers)) <= exported[name]
            for labels in re.findall(r"by \(([^)]+)\) \(.*?(?=leadmagnet)", text):
                (name, *_) = re.findall(rf"by \({labels}\) \(.*?(leadmagnet_\w+)", text)
                assert set(labels.split(", ")) <= exported[name]


def test_every_metric_is_explained_with_its_labels_and_unit(exported):
    rows = re.findall(
        r"^\| `(\w+)(?:\{(.*)\})?` \| ([^|]+) \| ([^|]+) \|$", section("Metrics"), re.M
    )
    told = {name: set(filter(None, labels.split(","))) for name, labels, _, _ in rows}
    labels = {}
    for name, found in exported.items():
        labels.setdefault(of_metric(name), set()).update(found - {"le"})
    assert told == labels


def test_every_alert_says_what_happened_and_leads_to_its_runbook():
    assert len(ALERTS) == len(GROUP["rules"]) <= 12
    for name, rule in ALERTS.items():
        notes = rule["annotations"]
        assert notes["summary"] and notes["description"].endswith("."), name
        assert notes["runbook_url"] == f"docs/operating.md#{name.lower()}"
        assert name.lower() in anchors(path_of("docs/operating.md"))
        assert rule["labels"]["severity"] in ("critical", "warning")
        assert re.fullmatch(r"\d+[mh]", rule["for"]), name


def test_every_runbook_is_of_an_alert():
    assert re.findall(r"^### (\w+)$", section("Alerts"), re.M) == list(ALERTS)


def test_every_alert_is_seen_firing():
    tests = text_of("tests/alerts/rules_test.yaml")
    firing = re.findall(r'alertname="(\w+)",severity', tests)
    firing += re.findall(r"alertname: (\w+)\n +exp_alerts:", tests)
    assert set(firing) == set(ALERTS)


def test_the_dashboard_works_with_any_data_source():
    assert DASHBOARD["uid"] == "lead-magnet"
    (variable,) = DASHBOARD["templating"]["list"]
    assert (variable["name"], variable["type"], variable["query"]) == (
        *("datasource", "datasource"),
        "prometheus",
    )
    for panel in PANELS:
        for part in (panel, *panel["targets"]):
            assert part["datasource"] == {"type": "prometheus", "uid": "${datasource}"}


def test_every_panel_can_be_read():
    assert len(PANELS) <= 14
    assert [panel["id"] for panel in PANELS] == list(range(1, len(PANELS) + 1))
    assert len({panel["title"] for panel in PANELS}) == len(PANELS)
    for panel in PANELS:
        assert panel["description"].endswith("."), panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
        for target in panel["targets"]:
            assert target["legendFormat"], panel["title"]
            if "rate(" in target["expr"]:
                assert "[$__rate_interval]" in target["expr"], panel["title"]


def test_no_panel_covers_another():
    for one, other in combinations([panel["gridPos"] for panel in PANELS], 2):
        apart = (
            one["x"] + one["w"] <= other["x"]
            or other["x"] + other["w"] <= one["x"]
            or one["y"] + one["h"] <= other["y"]
            or other["y"] + other["h"] <= one["y"]
        )
        assert apart, (one, other)
    assert all(panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24 for panel in PANELS)


def words(node):
    """The words that an argument may be: of `a if b else c`, both."""
    if isinstance(node, ast.IfExp):
        return words(node.body) | words(node.orelse)
    return {node.value} if isinstance(node, ast.Constant) else set()


def logged():
    """The events of `log.info("word", …)`, and of a module's own `_log("word", …)`."""
    for path in PRODUCT:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and node.args:
                called = ast.unparse(node.func)
                if called == "_log" or re.fullmatch(r"log\.(?!log$)\w+", called):
                    yield from words(node.args[0])


def test_every_event_in_the_log_is_explained_and_no_other():
    telemetry = "".join(path.read_text() for path in PRODUCT if path.parent.stem == "telemetry")
    assert all(f'"{event}"' in telemetry for event in SAID_BY_TELEMETRY)
    told = re.findall(
        r"^\| `(\w+)` \| (?:info|warning|error) \| [^|]+ \| [^|]+ \|$", section("Logs"), re.M
    )
    assert sorted(told) == sorted({*logged()} | SAID_BY_TELEMETRY)
