"""Figures for Prometheus: requests counted over all processes, mails and signups by the database.

Imported only where METRICS_TOKEN is set. `leadmagnet serve` puts PROMETHEUS_MULTIPROC_DIR into the
environment before that: there the processes of one gunicorn keep their counts.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest, multiprocess
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from leadmagnet.database import Database, Row
from leadmagnet.errors import Unavailable

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
STATES = ("queued", "dead")
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)

# By route, never by path: a path holds a token, and anybody can make up paths.
_requests = Counter(
    "leadmagnet_requests", "Answered requests", ["route", "method", "status"], registry=None
)
_seconds = Histogram(
    "leadmagnet_request_seconds", "Time to answer", ["route"], buckets=SECONDS, registry=None
)


def observe(route: str, method: str, status: int, seconds: float) -> None:
    """Count a request that was answered."""
    _requests.labels(route, method, str(status)).inc()
    _seconds.labels(route).observe(seconds)


def expose(database: Database) -> bytes:
    """All figures in Prometheus's text format. Without a database, those of the requests."""
    registry = CollectorRegistry()
    try:
        multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    except ValueError:
        # One process only, which keeps its counts itself.
        registry.register(_requests)
        registry.register(_seconds)
    registry.register(_FromDatabase(database))
    return generate_latest(registry)


class _FromDatabase(Collector):
    """Read when asked for, so that all processes and hosts say the same."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def collect(self) -> Iterator[Metric]:
        up = GaugeMetricFamily("leadmagnet_database_up", "Whether the database answers")
        up.add_metric([], 0)
        with suppress(Unavailable):
            (mails,) = self._database.all("metrics_mails")
            signups = self._database.all("metrics_signups")
            (requests,) = self._database.all("metrics_requests")
            (ledger,) = self._database.all("metrics_ledger")
            events = self._database.all("metrics_ses_events")
            up = GaugeMetricFamily("leadmagnet_database_up", "Whether the database answers", 1)
            count = GaugeMetricFamily("leadmagnet_mails", "Mails by state", labels=["state"])
            for state in STATES:
                count.add_metric([state], mails[state])
            yield count
            yield GaugeMetricFamily(
                "leadmagnet_mails_sent_last_hour",
                "Mails that SES took in the last hour, to people not erased since",
                mails["sent_last_hour"],
            )
            yield GaugeMetricFamily(
                "leadmagnet_mail_overdue_seconds",
                "Age of the mail due longest",
                mails["overdue_seconds"],
            )
            yield from _requests_waiting(requests)
            yield GaugeMetricFamily(
                "leadmagnet_ledger_unsealed_seconds",
                "Age of the event that waits longest for its seal",
                ledger["unsealed_seconds"],
            )
            outcomes = CounterMetricFamily(
                "leadmagnet_signups", "Accepted signups by what became of them", labels=["outcome"]
            )
            for row in signups:
                outcomes.add_metric([row["outcome"]], float(row["signups"]))
            yield outcomes
            told = GaugeMetricFamily(
                "leadmagnet_ses_events_last_day",
                "What SES told in the last day; unmatched is about nobody we know",
                labels=["type", "matched"],
            )
            for row in events:
                told.add_metric([row["type"], str(row["matched"]).lower()], row["events"])
            yield told
        yield up


def _requests_waiting(row: Row) -> Iterator[Metric]:
    yield GaugeMetricFamily(
        "leadmagnet_request_waiting_seconds",
        "Age of the request that waits longest for a worker",
        row["waiting_seconds"],
    )
    yield GaugeMetricFamily(
        "leadmagnet_requests_failed", "Requests that could not be settled", row["failed"]
    )
