"""What the owner's pages cost on a long list: search, figures, mails and export; and what signups
in the same process notice of an export.

python -m tests.bench.owner 1000000
"""

from __future__ import annotations

import resource
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import psycopg

from leadmagnet.admin import exports, mails, people, stats
from leadmagnet.admin.audit import Caller
from leadmagnet.database import Database
from leadmagnet.funnel import requests
from leadmagnet.services import Services
from tests.bench.tables import table
from tests.support.database import fresh_database
from tests.support.paths import path_of
from tests.support.services import NO_CERTIFICATES, NO_FILES, configured
from tests.support.settings import DELIVERY
from tests.support.stack import migrated_postgres

ROUNDS = 5
SIGNUPS = 250
# More than the service allows: here we want to see how long it would take.
SECONDS = 300.0
OWNER = Caller("key:bench", "owner", None)


def timed(act: Callable[[], Any]) -> tuple[str, str]:
    """The median of some rounds, in milliseconds, and the growth of memory in megabytes."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    took = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        act()
        took.append(time.perf_counter() - started)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    return f"{sorted(took)[ROUNDS // 2] * 1000:,.0f}", f"{grown / 1024:.0f}"


def export(services: Services, *, everybody: bool, **filters: Any) -> None:
    exports.write(
        services, OWNER, form="csv", delimiter="comma", everybody=everybody, **filters
    ).file.close()


def measured(services: Services) -> list[tuple[str, str, str]]:
    today = datetime.now(UTC).date()
    month = datetime.now(UTC) - timedelta(days=30)
    search = partial(people.search, services, OWNER, limit=50)
    acts: dict[str, Callable[[], Any]] = {
        "mails: what is stuck": partial(mails.read, services, limit=50),
        "search: the newest": search,
        "search: confirmed, with newsletter": lambda: search(status="confirmed", newsletter=True),
        "search: a beginning": lambda: search(prefix="person77"),
        "search: an address": lambda: search(address="person7777@example.org"),
        "search: never got the file": lambda: search(without_file=True),
        "search: a source that nobody has": lambda: search(source="nowhere"),
        "search: a magnet that nobody asked for": lambda: search(magnet="nothing"),
        "search: the mail is dead": lambda: search(mail_dead=True),
        "figures: thirty days": lambda: stats.read(services),
        "figures: a year": lambda: stats.read(services, first=today - timedelta(days=365)),
        "figures: everything": lambda: stats.read(services, first=date(2020, 1, 1)),
        "export: thirty days": lambda: export(services, everybody=True, asked_from=month),
        "export: newsletter": lambda: export(services, everybody=False),
        "export: everybody": lambda: export(services, everybody=True),
    }
    return [(name, *timed(act)) for name, act in acts.items()]


def signups(services: Services) -> list[float]:
    """Seconds that each of some signups takes to be accepted."""
    took = []
    for number in range(SIGNUPS):
        started = time.perf_counter()
        requests.sign_up(
            services,
            email=f"signup{number}@example.org",
            consents=[DELIVERY],
            context=requests.Context(f"10.{number // 250 % 250}.{number % 250}.1", None),
        )
        took.append(time.perf_counter() - started)
    return took


def beside_an_export(services: Services, visitors: Services) -> list[tuple[str, str, str]]:
    """Signups alone and beside an export of everybody, in turns."""
    alone: list[float] = []
    beside: list[float] = []
    for _ in range(ROUNDS):
        alone += signups(visitors)
        exporting = threading.Thread(target=export, args=(services,), kwargs={"everybody": True})
        exporting.start()
        while exporting.is_alive():
            beside += signups(visitors)
        exporting.join()
    return [
        (f"signups {name}", f"{median(took) * 1000:.2f}", f"{p99(took) * 1000:.2f}")
        for name, took in (("alone", alone), ("beside an export of everybody", beside))
    ]


def p99(took: list[float]) -> float:
    return sorted(took)[len(took) * 99 // 100]


def main(people: int) -> str:
    exports.MOST_SECONDS = SECONDS
    with (
        tempfile.TemporaryDirectory() as folder,
        migrated_postgres(Path(folder), durable=False) as server,
        fresh_database(server) as database,
    ):
        url = server.url("postgres", database.name)
        with psycopg.connect(url) as conn, psycopg.ClientCursor(conn) as cursor:
            text = Path(path_of("tests/bench/people.sql")).read_text(encoding="utf-8")
            for statement in text.split(";\n\n"):
                cursor.execute(statement, {"people": people})
        with psycopg.connect(url, autocommit=True) as conn:
            conn.execute("VACUUM (ANALYZE)")
        config = configured(database, SIGNUPS_PER_HOUR="1000000")
        with ExitStack() as stack:
            pools = [Database(config.database_url, size=2, seconds=SECONDS) for _ in range(2)]
            for pool in pools:
                pool.open()
                stack.callback(pool.close)
            # The admin API has connections of its own, as here.
            owner, visitors = (Services(config, pool, NO_FILES, NO_CERTIFICATES) for pool in pools)
            rows = measured(owner)
            noticed = beside_an_export(owner, visitors)
    return "\n\n".join(
        (
            table((f"with {people:,} people", "ms", "MB more"), rows),
            table((f"with {people:,} people", "p50 ms", "p99 ms"), noticed),
        )
    )


if __name__ == "__main__":
    sys.stdout.write(main(int(sys.argv[1])) + "\n")
