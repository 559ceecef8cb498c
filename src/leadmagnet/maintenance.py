"""What the worker does by the clock: says that it is alive, seals the ledger, deletes what is past
its time, looks after the files and the mails, and has the doctor look every day."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator

from leadmagnet.consent import seals
from leadmagnet.doctor import verdicts
from leadmagnet.doctor.surroundings import surroundings_of
from leadmagnet.errors import StorageUnavailable, Unavailable
from leadmagnet.funnel import limits, magnets
from leadmagnet.mail import outbox, owner, send_limiter
from leadmagnet.rights import retention
from leadmagnet.services import Services

log = logging.getLogger(__name__)

HEARTBEAT_SECONDS = 15.0
SEAL_SECONDS = 10.0
PURGE_SECONDS = 86_400.0
FILES_SECONDS = 60.0
LIMITS_SECONDS = 60.0
MAILS_SECONDS = 30.0
# Once the API and the site, which a deploy starts together with the worker, are up as well.
DOCTOR_AFTER_SECONDS = 300.0
AFTER_FAILURE_SECONDS = 60.0


# Does a short piece of work, and returns in how many seconds to be called again.
Task = Callable[[], float]


class Maintenance:
    """Several tasks, each due by the clock; each does a short piece of work at a time."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._sealer = seals.Sealer(services)
        self._purging: Iterator[retention.Batch] | None = None
        self._examining: Iterator[float] | None = None
        tasks: tuple[Task, ...] = (
            *(self._heartbeat, self._seal, self._purge),
            *(self._check_files, self._limits, self._mails),
        )
        now = time.monotonic()
        self._due = {**dict.fromkeys(tasks, now), self._examine: now + DOCTOR_AFTER_SECONDS}

    def take_due(self) -> Task | None:
        """The task that has been due longest; None when none is due."""
        task, due = min(self._due.items(), key=lambda item: item[1])
        return task if due <= time.monotonic() else None

    def run(self, task: Task) -> None:
        """Raises Unavailable. Any other failure is logged and the task is tried again later."""
        try:
            seconds = task()
        except Unavailable:
            raise
        except Exception as error:
            log.error("maintenance_failed", exc_info=error)
            seconds = AFTER_FAILURE_SECONDS
        self._due[task] = time.monotonic() + seconds

    def run_due(self) -> None:
        """Run each task that is due, once."""
        for task, due in list(self._due.items()):
            if due <= time.monotonic():
                self.run(task)

    def _heartbeat(self) -> float:
        self._services.database.run("maintenance_heartbeat")
        return HEARTBEAT_SECONDS

    def _seal(self) -> float:
        """Seal a batch; in how many seconds to come again."""
        try:
            sealed = self._sealer.seal()
        except seals.SealingRefused:
            return AFTER_FAILURE_SECONDS
        return 0 if sealed >= seals.BATCH else SEAL_SECONDS

    def _purge(self) -> float:
        purging = self._purging or retention.purge(self._services)
        # Forgotten while it runs: one that fails starts anew.
        self._purging = None
        if next(purging, None) is None:
            return PURGE_SECONDS
        self._purging = purging
        return 0

    def _check_files(self) -> float:
        try:
            magnets.check_files(self._services)
        except StorageUnavailable:
            # S3 cannot say: no visitor is refused for that.
            log.warning("files_not_checked")
        return FILES_SECONDS

    def _limits(self) -> float:
        limits.purge(self._services)
        return LIMITS_SECONDS

    def _mails(self) -> float:
        send_limiter.brake(self._services)
        outbox.repair_due_times(self._services)
        owner.queue_week(self._services)
        return MAILS_SECONDS

    def _examine(self) -> float:
        """One check of the doctor's, which waits for the network: the other tasks go in between."""
        examining = self._examining or verdicts.take(surroundings_of(self._services))
        self._examining = None
        seconds = next(examining)
        if seconds == 0:
            self._examining = examining
        return seconds
