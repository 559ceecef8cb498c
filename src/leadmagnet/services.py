"""The world that the use cases are given: settings, database, AWS, randomness."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass

from leadmagnet.aws import sns
from leadmagnet.aws.s3 import Files
from leadmagnet.config import Config
from leadmagnet.db import Database


@dataclass(frozen=True)
class Services:
    config: Config
    database: Database
    files: Files
    certificates: sns.Certificates
    confirm_subscription: Callable[[str, str], None] = sns.confirm_subscription
    random_bytes: Callable[[int], bytes] = secrets.token_bytes

    @classmethod
    def from_config(cls, config: Config, *, connections: int) -> Services:
        """Nothing is connected yet: `database.open()` starts it."""
        return cls(
            config=config,
            database=Database(config.database_url, size=connections),
            files=Files(config.s3_bucket, url_life=config.download_url_seconds),
            certificates=sns.Certificates(sns.fetch, roots=sns.roots()),
        )
