"""The things measured: a durable PostgreSQL with several databases, and servers in front of it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psycopg

from leadmagnet.dev.ports import free_port
from leadmagnet.dev.postgres import Postgres
from leadmagnet.dev.processes import Child
from tests.support.fake_ses import FakeSes
from tests.support.settings import REQUIRED
from tests.support.stack import (
    Service,
    Stack,
    administrator,
    copy_database,
    migrated_postgres,
)

HERE = Path(__file__).parent
WORKERS = 2
MEASURED = REQUIRED | {
    # The load generator plays the proxy: each request comes from a network of its own.
    "TRUSTED_PROXIES": "1",
    "WEB_WORKERS": str(WORKERS),
    "METRICS_TOKEN": "m" * 40,
}


class Systems:
    """One PostgreSQL, as `make run` starts it: every commit reaches the disk."""

    def __init__(self, postgres: Postgres, folder: Path, exits: ExitStack) -> None:
        self.postgres = postgres
        self.folder = folder
        self._exits = exits
        self._stacks: dict[str, Stack] = {}

    @property
    def postgres_pid(self) -> int:
        assert self.postgres.child
        return self.postgres.child.process.pid

    def create(self, name: str, people: int) -> None:
        """A migrated database with the demo magnet and so many subscribers."""
        with administrator(self.postgres) as admin:
            copy_database(admin, name)
        folder = self.folder / name
        folder.mkdir()
        stack = Stack(self.url(name), folder, MEASURED)
        self._stacks[name] = self._exits.enter_context(stack)
        with self.superuser(name) as conn:
            with conn.transaction():
                for statement in (HERE / "people.sql").read_text().split(";\n\n"):
                    conn.cursor(binary=False).execute(_filled(conn, statement, people=people))
            conn.execute("VACUUM (ANALYZE)")
            conn.execute("CHECKPOINT")

    def superuser(self, database: str) -> psycopg.Connection[Any]:
        return administrator(self.postgres, database)

    def url(self, database: str) -> str:
        return self.postgres.url("lm_app", database)

    def environment(self, database: str, **settings: str) -> dict[str, str]:
        return self._stacks[database].environment(**settings)

    def us(self, database: str, **settings: str) -> Service:
        """The product, as `make run` starts it."""
        return self._stacks[database].serve("us", "leadmagnet", "serve", **settings)

    def worker(self, database: str, **settings: str) -> Child:
        return self._stacks[database].worker(**settings)

    def ses(self, *, delay: float) -> FakeSes:
        return self._exits.enter_context(FakeSes(delay=delay))

    def fastapi(self, database: str, **settings: str) -> Service:
        command = ["uvicorn", "tests.bench.fastapi_service:app", "--workers", str(WORKERS)]
        command += ["--port", "{port}", "--log-level", "warning"]
        return self._stacks[database].serve("fastapi", *command, **settings)

    def granian(self, database: str, **settings: str) -> Service:
        """The product's WSGI application behind another server."""
        command = ["granian", "--interface", "wsgi", "tests.bench.granian_app:app", "--no-ws"]
        command += ["--log-level", "warning", "--workers", str(WORKERS), "--port", "{port}"]
        command += ["--blocking-threads", "4"]
        return self._stacks[database].serve("granian", *command, **settings)


def load_links(systems: Systems, database: str, series: str, links: int) -> None:
    """So many links that nobody pressed yet, and a quiet disk afterwards."""
    with systems.superuser(database) as conn:
        conn.execute((HERE / "links.sql").read_bytes(), {"series": series, "links": links})
        conn.execute("CHECKPOINT")


def _filled(conn: psycopg.Connection[Any], statement: str, **parameters: int) -> bytes:
    # Not every statement of a file takes parameters (CREATE TABLE AS, SET): filled in here.
    return psycopg.ClientCursor(conn).mogrify(statement.encode(), parameters).encode()


@contextmanager
def running() -> Iterator[Systems]:
    with ExitStack() as exits:
        folder = Path(exits.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        # Room for 64 clients of pgbench next to the pools; all else is as `make run` has it.
        postgres = exits.enter_context(migrated_postgres(folder, durable=True, max_connections=200))
        yield Systems(postgres, folder, exits)


@contextmanager
def funnel(**settings: str) -> Iterator[tuple[Service, Postgres]]:
    """API, worker and, in a process of its own as well, the emulator of SES."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with migrated_postgres(folder, durable=True) as postgres:
            unlimited = dict.fromkeys(("SIGNUPS_PER_HOUR", "GUESSES_PER_HOUR"), "1000000")
            mailbox = str(free_port())
            url = postgres.url("lm_app", "leadmagnet")
            changes = {"MAILS_PER_HOUR": "1000000", **unlimited, **settings}
            changes["AWS_ENDPOINT_URL_SESV2"] = f"http://127.0.0.1:{mailbox}"
            with Stack(url, folder, REQUIRED | {"SES_MAX_RATE": "10000"} | changes) as stack:
                stack.start("emulator", "leadmagnet.dev.aws", "--mailbox-port", mailbox)
                stack.worker()
                yield stack.api(), postgres
