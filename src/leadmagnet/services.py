"""What the use cases are given: settings, database, AWS, randomness."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, cast

from leadmagnet.adapters import sns
from leadmagnet.adapters.s3 import Files
from leadmagnet.config import Config
from leadmagnet.database import Database, Transaction

if TYPE_CHECKING:
    from leadmagnet.adapters.turnstile import Turnstile


# Shorter than a worker looks by itself after its last request.
WAKE_SECONDS = 0.5


class NowAndThen:
    """True at most once in so many seconds, in this process."""

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._clock = clock
        self._next = 0.0
        self._lock = threading.Lock()

    def __call__(self) -> bool:
        now = self._clock()
        with self._lock:
            due = now >= self._next
            if due:
                self._next = now + self._seconds
        return due


@dataclass(frozen=True)
class Services:
    config: Config
    database: Database
    files: Files
    certificates: sns.Certificates
    confirm_sns_topic: Callable[[str, str], None] = sns.confirm_sns_topic
    random_bytes: Callable[[int], bytes] = secrets.token_bytes
    turnstile: Turnstile | None = None
    wake_worker: Callable[[], bool] = field(default_factory=lambda: NowAndThen(WAKE_SECONDS))

    def within(self, transaction: Transaction) -> Services:
        """The same, with every query a part of the transaction."""
        return replace(self, database=cast(Database, transaction))

    @classmethod
    def from_config(cls, config: Config, *, connections: int, waiting: int = 1000) -> Services:
        """Nothing is connected yet: `database.open()` starts it."""
        return cls(
            config=config,
            database=Database(config.database_url, size=connections, waiting=waiting),
            files=Files(config.s3_bucket, url_life=config.download_url_seconds),
            certificates=sns.Certificates(sns.fetch),
            turnstile=_turnstile(config),
        )


def _turnstile(config: Config) -> Turnstile | None:
    if not config.turnstile_secret:
        return None
    # Imported where it is used: an HTTP client is a tenth of a second and some megabytes.
    from leadmagnet.adapters.turnstile import Turnstile

    return Turnstile(
        config.turnstile_secret,
        hostnames=config.turnstile_hostnames,
        action=config.turnstile_action,
        accept_outage=config.turnstile_outage == "accept",
    )
