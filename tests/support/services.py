"""What the use cases are given in a test."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from leadmagnet.adapters.ses import Mail
from leadmagnet.adapters.sns import Certificates
from leadmagnet.config import Config
from leadmagnet.errors import StorageUnavailable
from leadmagnet.mail import outbox
from leadmagnet.services import Services
from tests.support.database import TestDatabase
from tests.support.settings import SETTINGS


def configured(database: TestDatabase, **changes: str) -> Config:
    return Config.from_env({**SETTINGS, "DATABASE_URL": database.url, **changes})


def no_request(url: str) -> bytes:
    raise AssertionError(f"a request leaves for {url}")


NO_CERTIFICATES = Certificates(no_request)


class _NoFiles:
    def exists(self, key: str) -> bool:
        raise StorageUnavailable


# An S3 that cannot say whether a file is there.
NO_FILES: Any = _NoFiles()


def delivery(services: Services, send: Callable[[Mail], str]) -> outbox.Delivery:
    """What a worker sends with, but it never waits."""
    return outbox.Delivery(
        services.database,
        services.config,
        send,
        wait=lambda seconds: None,
        random_bytes=services.random_bytes,
        sleep=lambda seconds: None,
    )
