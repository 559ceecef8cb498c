"""What the worker does between the mails: seals the ledger, deletes what is past its time."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator

import psycopg

from leadmagnet.consent import ledger
from leadmagnet.rights import retention
from leadmagnet.services import Services

log = logging.getLogger(__name__)

SEAL_SECONDS = 10.0
PURGE_SECONDS = 86_400.0
AFTER_FAILURE_SECONDS = 60.0


class Maintenance:
    """One short piece of work at a time, so that no mail waits for long."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._seal_due = self._purge_due = time.monotonic()
        self._purging: Iterator[retention.Batch] | None = None

    def run_due(self) -> None:
        """Seal a batch and delete a batch, if it is time. Raises Unavailable; no other trouble of
        these two may keep the mails from going."""
        now = time.monotonic()
        if now >= self._seal_due:
            self._seal_due = now + self._attempt(self._seal)
        if now >= self._purge_due:
            self._purge_due = now + self._attempt(self._purge)

    def _attempt(self, work: Callable[[], float]) -> float:
        try:
            return work()
        except psycopg.Error as error:
            log.error("maintenance_failed", exc_info=error)
            return AFTER_FAILURE_SECONDS

    def _seal(self) -> float:
        """Seal a batch; in how many seconds to come again."""
        sealed = ledger.seal(self._services)
        return 0 if sealed >= ledger.BATCH else SEAL_SECONDS

    def _purge(self) -> float:
        purging = self._purging or retention.purge(self._services)
        # Forgotten while it runs: one that fails starts anew.
        self._purging = None
        if next(purging, None) is None:
            return PURGE_SECONDS
        self._purging = purging
        return 0
