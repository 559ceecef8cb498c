"""What the worker does between the mails: seals the ledger, deletes what is past its time."""

from __future__ import annotations

import time
from collections.abc import Iterator

from leadmagnet import ledger, retention
from leadmagnet.services import Services

SEAL_SECONDS = 10.0
PURGE_SECONDS = 86_400.0


class Upkeep:
    """One short piece of work at a time, so that no mail waits for long."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._seal_due = self._purge_due = time.monotonic()
        self._purging: Iterator[retention.Batch] | None = None

    def run_due(self) -> None:
        """Seal a batch and delete a batch, if it is time. Raises Unavailable."""
        database, config = self._services.database, self._services.config
        if time.monotonic() >= self._seal_due:
            # A full batch has more behind it; a failed one is tried again as soon.
            full = ledger.seal(database, config.hash_key) >= ledger.BATCH
            self._seal_due = time.monotonic() + (0 if full else SEAL_SECONDS)
        if self._purging is None and time.monotonic() >= self._purge_due:
            self._purge_due = time.monotonic() + PURGE_SECONDS
            self._purging = retention.purge(database, config)
        if self._purging and next(self._purging, None) is None:
            self._purging = None
