"""What a worker writes down of what it holds by a lease, however long the database is away."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from leadmagnet.database import Database, Row
from leadmagnet.errors import Unavailable

AGAIN_SECONDS = 0.5


def mark(
    database: Database,
    query: str,
    *,
    lease: timedelta,
    wait: Callable[[float], object],
    **parameters: Any,
) -> Row | None:
    """Again and again until the lease is over: what is not marked is done a second time. `wait`
    returns true, and early, when the worker has to stop."""
    lease_ends = time.monotonic() + lease.total_seconds()
    while True:
        try:
            return database.one(query, **parameters)
        except Unavailable:
            if time.monotonic() > lease_ends or wait(AGAIN_SECONDS):
                raise
