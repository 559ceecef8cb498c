"""Metrics for Prometheus: requests counted over all processes, mails and signups by the database.

Imported only where METRICS_TOKEN is set. `leadmagnet serve` puts PROMETHEUS_MULTIPROC_DIR into the
environment before that: there the processes of one gunicorn keep their counts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest, multiprocess
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from leadmagnet.database import Database
from leadmagnet.errors import Unavailable

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
STATES = ("queued", "dead")
# Why sending is held until an operator resumes it.
HOLDS = ("operator", "bounces", "database_copied")
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)

# By route, never by path: a path holds a token, and anyone can make up paths.
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
    """All metrics in Prometheus's text format. Without a database, those of the requests."""
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
        answers = 0
        with suppress(Unavailable):
            yield from (*self._mails(), *self._people(), *self._worker())
            yield from (*self._ses_events(), *self._doctor())
            answers = 1
        yield _gauge("leadmagnet_database_up", "Whether the database answers", answers)

    def _mails(self) -> Iterator[Metric]:
        (mails,) = self._database.all("metrics_mails")
        yield _by(
            GaugeMetricFamily("leadmagnet_mails", "Mails by state", labels=["state"]),
            {(state,): mails[state] for state in STATES},
        )
        sent = "Mails that SES took, to people not erased since: in the last "
        for span in ("hour", "week"):
            name = f"leadmagnet_mails_sent_last_{span}"
            yield _gauge(name, sent + span, mails[f"sent_last_{span}"])
        (webhooks,) = self._database.all("metrics_webhooks")
        yield _by(
            GaugeMetricFamily(
                "leadmagnet_webhook_events", "Webhook events by state", labels=["state"]
            ),
            {(state,): webhooks[state] for state in STATES},
        )
        yield _gauge(
            "leadmagnet_webhook_waiting_seconds",
            "Age of the event that waits longest for an endpoint to take it",
            webhooks["waiting_seconds"],
        )
        overdue = mails["overdue_seconds"]
        yield _gauge("leadmagnet_mail_overdue_seconds", "Age of the mail due longest", overdue)

    def _people(self) -> Iterator[Metric]:
        settled = self._database.all("metrics_settled")
        yield _by(
            CounterMetricFamily(
                "leadmagnet_requests_settled",
                "Accepted requests by what became of them",
                labels=["kind", "outcome"],
            ),
            {(row["kind"], row["outcome"]): row["requests"] for row in settled},
        )
        (requests,) = self._database.all("metrics_requests")
        yield _gauge(
            "leadmagnet_request_waiting_seconds",
            "Age of the request that waits longest for a worker",
            requests["waiting_seconds"],
        )
        failed = requests["failed"]
        yield _gauge("leadmagnet_requests_failed", "Requests that could not be settled", failed)
        (confirmed,) = self._database.all("metrics_confirmations")
        yield _gauge(
            "leadmagnet_confirmations_last_day",
            "People who confirmed in the last day, not erased since",
            confirmed["last_day"],
        )

    def _worker(self) -> Iterator[Metric]:
        (worker,) = self._database.all("metrics_worker")
        (ledger,) = self._database.all("metrics_ledger")
        yield _gauge(
            "leadmagnet_worker_silent_seconds",
            "Time since any worker said that it is alive",
            worker["silent_seconds"],
        )
        paused = {cause: cause == worker["hold_reason"] for cause in HOLDS}
        paused["ses"] = worker["paused_by_ses"]
        yield _by(
            GaugeMetricFamily("leadmagnet_sending_paused", "1 while paused", labels=["cause"]),
            {(cause,): now for cause, now in paused.items()},
        )
        missing = worker["files_missing"]
        yield _gauge("leadmagnet_magnet_files_missing", "Magnets without their file", missing)
        yield _gauge(
            "leadmagnet_ledger_unsealed_seconds",
            "Age of the event that waits longest for its seal",
            ledger["unsealed_seconds"],
        )

    def _doctor(self) -> Iterator[Metric]:
        verdicts = self._database.all("metrics_doctor")
        yield _by(
            GaugeMetricFamily(
                "leadmagnet_doctor_failing",
                "Checks of the doctor's that failed when the worker last made them",
                labels=["category"],
            ),
            {(row["category"],): row["failing"] for row in verdicts},
        )

    def _ses_events(self) -> Iterator[Metric]:
        # With the zeros of what matters most, for an alert cannot see what is not there.
        none = {(kind, "true"): {"last_day": 0, "last_week": 0} for kind in ("Bounce", "Complaint")}
        events = none | {
            (row["type"], str(row["matched"]).lower()): row
            for row in self._database.all("metrics_ses_events")
        }
        for span in ("day", "week"):
            yield _by(
                GaugeMetricFamily(
                    f"leadmagnet_ses_events_last_{span}",
                    f"SES events of the last {span}; unmatched are about unknown recipients",
                    labels=["type", "matched"],
                ),
                {labels: row[f"last_{span}"] for labels, row in events.items()},
            )


def _gauge(name: str, meaning: str, value: float) -> Metric:
    return GaugeMetricFamily(name, meaning, value)


def _by(
    metric: GaugeMetricFamily | CounterMetricFamily, values: Mapping[tuple[str, ...], float]
) -> Metric:
    for labels, value in values.items():
        metric.add_metric(labels, float(value))
    return metric
