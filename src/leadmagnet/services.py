"""What the use cases are given: settings, database, AWS, randomness."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from leadmagnet import pace
from leadmagnet.adapters import sns
from leadmagnet.adapters.s3 import Files
from leadmagnet.config import Config
from leadmagnet.database import Database

if TYPE_CHECKING:
    from leadmagnet.adapters.turnstile import Turnstile


@dataclass(frozen=True)
class Services:
    config: Config
    database: Database
    files: Files
    certificates: sns.Certificates
    confirm_sns_topic: Callable[[str, str], None] = sns.confirm_sns_topic
    random_bytes: Callable[[int], bytes] = secrets.token_bytes
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    turnstile: Turnstile | None = None

    def on_the_beat(self) -> AbstractContextManager[None]:
        """For what must not tell by its time who is listed."""
        return pace.on_the_beat(
            self.config.beat_milliseconds / 1000, clock=self.clock, sleep=self.sleep
        )

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
