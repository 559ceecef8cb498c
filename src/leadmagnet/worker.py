"""The mail worker: woken by the database when a mail is queued, polling as a net."""

from __future__ import annotations

import logging
import signal
import threading
import time

import psycopg

from leadmagnet.adapters.ses import Mailer
from leadmagnet.errors import FileUnavailable, Unavailable
from leadmagnet.funnel import limits, magnets
from leadmagnet.mail import outbox
from leadmagnet.maintenance import Maintenance
from leadmagnet.services import Services

log = logging.getLogger(__name__)

POLL_SECONDS = 1.0
LOOK_AT_FILES_SECONDS = 60.0


class Worker:
    """Delivers one mail after another until told to stop; a mail in hand is finished first."""

    def __init__(self, services: Services, mailer: Mailer) -> None:
        self._services = services
        self._stop = threading.Event()
        self._delivery = outbox.Delivery(
            database=services.database,
            config=services.config,
            send=mailer.send,
            wait=self._stop.wait,
            random_bytes=services.random_bytes,
        )

    def stop(self) -> None:
        self._stop.set()

    def run(self) -> None:
        """Return after `stop()`. Outlives any absence of the database."""
        files_due = time.monotonic()
        maintenance = Maintenance(self._services)
        listening: psycopg.Connection | None = None
        while not self._stop.is_set():
            try:
                if listening is None:
                    listening = self._listen()
                self._deliver_all()
                if time.monotonic() >= files_due:
                    files_due = time.monotonic() + LOOK_AT_FILES_SECONDS
                    self._look_at_files()
                    limits.purge(self._services)
                maintenance.run_due()
                for _ in listening.notifies(timeout=POLL_SECONDS, stop_after=1):
                    pass
            except (Unavailable, psycopg.OperationalError):
                log.warning("database_unavailable")
                if listening is not None:
                    listening.close()
                listening = None
                self._stop.wait(POLL_SECONDS)
        if listening is not None:
            listening.close()

    def _listen(self) -> psycopg.Connection:
        conn = psycopg.connect(
            self._services.config.database_url, autocommit=True, connect_timeout=2
        )
        conn.execute("LISTEN lm_outbox")
        return conn

    def _deliver_all(self) -> None:
        while not self._stop.is_set() and outbox.deliver_next(self._delivery):
            pass

    def _look_at_files(self) -> None:
        try:
            magnets.check_files(self._services)
        except FileUnavailable:
            # S3 cannot say: nobody is sent away for that.
            log.warning("files_not_checked")


def main(services: Services) -> None:
    """Run a worker until SIGTERM or SIGINT."""
    worker = Worker(services, Mailer())
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: worker.stop())
    services.database.open()
    log.info("worker_started")
    worker.run()
    services.database.close()
    log.info("worker_stopped")
