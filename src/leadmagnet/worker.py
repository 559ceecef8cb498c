"""The worker: starts its lanes, wakes them when the database says so, and ends them."""

from __future__ import annotations

import logging
import signal
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

import psycopg

from leadmagnet.adapters.ses import Mailer
from leadmagnet.adapters.webhooks import Poster
from leadmagnet.lanes import Lanes
from leadmagnet.mail import outbox, send_limiter
from leadmagnet.maintenance import Maintenance
from leadmagnet.services import Services
from leadmagnet.settling import Settling
from leadmagnet.webhooks import events

log = logging.getLogger(__name__)

POLL_SECONDS = 1.0
T = TypeVar("T")


class Worker:
    """Runs its lanes until told to stop; what is in hand is finished first."""

    def __init__(self, services: Services, mailer: Mailer) -> None:
        self._services = services
        self._stop = threading.Event()
        self._recognised = False
        self._delivery = outbox.Delivery(
            database=services.database,
            config=services.config,
            send=mailer.send,
            wait=self._stop.wait,
            random_bytes=services.random_bytes,
        )
        send = Lanes(
            "send",
            lambda: self._in_no_copy(lambda: outbox.claim(self._delivery)),
            lambda claimed: outbox.deliver(self._delivery, claimed),
            threads=services.config.send_concurrency,
        )
        maintenance = Maintenance(services)
        clock = Lanes("maintenance", maintenance.take_due, maintenance.run)
        settle: Lanes[Any] = Lanes(
            "settle", Settling(services, self._stop.wait).take, lambda settled: None
        )
        self._lanes: list[Lanes[Any]] = [settle, send, clock, *self._webhooks()]
        # The notifications that wake a lane at once.
        self._channels: dict[str, Lanes[Any]] = {"lm_requests": settle, "lm_outbox": send}

    def _webhooks(self) -> list[Lanes[Any]]:
        """A lane of their own: a consumer that hangs delays no mail. It looks at every poll: a
        notification would make the commits of confirmations wait for each other."""
        config = self._services.config
        if config.webhook_key is None:
            return []
        delivery = events.Delivery(
            database=self._services.database,
            key=config.webhook_key,
            poster=Poster(config.webhook_allow_hosts),
            wait=self._stop.wait,
            former_keys=config.former_webhook_keys,
            owner_locale=config.owner_locale if config.owner_mail else None,
        )
        return [
            Lanes(
                "webhooks",
                lambda: self._in_no_copy(lambda: events.claim(delivery)),
                lambda row: events.deliver(delivery, row),
                threads=events.THREADS,
            )
        ]

    def _in_no_copy(self, claim: Callable[[], T]) -> T:
        """Claim, but look first whether the database is a copy: there, nothing is claimed."""
        if not self._recognised:
            send_limiter.recognise_database(self._services)
            self._recognised = True
        return claim()

    def stop(self) -> None:
        self._stop.set()

    def run(self) -> None:
        """Return after `stop()`. Reconnects whenever the database goes away."""
        for lanes in self._lanes:
            lanes.start()
        try:
            while not self._stop.is_set():
                self._wake_lanes()
        finally:
            self._stop.set()
            for lanes in self._lanes:
                lanes.stop()
            for lanes in self._lanes:
                lanes.join()

    def _wake_lanes(self) -> None:
        """On each notification, and on every poll, in case that one was missed."""
        try:
            with self._listening() as connection:
                poll_due = 0.0
                while not self._stop.is_set():
                    if time.monotonic() >= poll_due:
                        self._wake_all()
                        poll_due = time.monotonic() + POLL_SECONDS
                    for notification in connection.notifies(timeout=POLL_SECONDS, stop_after=1):
                        self._channels[notification.channel].wakeup.ring()
        except psycopg.OperationalError:
            self._wake_all()
            self._stop.wait(POLL_SECONDS)

    def _wake_all(self) -> None:
        for lanes in self._lanes:
            lanes.wakeup.ring()

    def _listening(self) -> psycopg.Connection:
        # No notification comes through a pooler in transaction mode.
        config = self._services.config
        address = config.database_listen_url or config.database_url
        connection = psycopg.connect(address, autocommit=True, connect_timeout=2)
        connection.execute("LISTEN lm_outbox")
        connection.execute("LISTEN lm_requests")
        return connection


def main(services: Services) -> None:
    """Run a worker until SIGTERM or SIGINT."""
    config = services.config
    mailer = Mailer(
        seconds=config.ses_timeout_seconds.total_seconds(), connections=config.send_concurrency
    )
    worker = Worker(services, mailer)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: worker.stop())
    services.database.open()
    log.info("worker_started")
    worker.run()
    services.database.close()
    log.info("worker_stopped")
