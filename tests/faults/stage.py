"""Where a scenario plays: a PostgreSQL, a fake SES, and the processes of the product."""

from __future__ import annotations

import http.client
import itertools
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from leadmagnet.database import migrations
from leadmagnet.dev import demo, processes
from leadmagnet.dev.ports import free_port
from leadmagnet.dev.postgres import Postgres
from leadmagnet.dev.processes import Child
from leadmagnet.dev.roles import create_roles_and_database
from tests.faults.fake_ses import FakeSes
from tests.faults.waiting import require, until
from tests.support.paths import path_of
from tests.support.settings import SETTINGS

LEASE_SECONDS = 2
_databases = itertools.count(1)


@contextmanager
def durable_postgres(folder: Path) -> Iterator[Postgres]:
    """A server that keeps what it acknowledged, with the migrated database as a template."""
    with Postgres(folder / "data", durable=True) as postgres:
        create_roles_and_database(postgres)
        owner = postgres.url("lm_owner", "leadmagnet")
        migrations.migrate(owner, app_role="lm_app")
        demo.load(owner)
        yield postgres


class Stage:
    """A fresh database and a healthy SES. Children are started from the main thread only: they
    die with the thread that started them."""

    def __init__(self, postgres: Postgres, ses: FakeSes, folder: Path, database: str) -> None:
        self.postgres = postgres
        self.ses = ses
        self.folder = folder
        self.database = database
        self.children: list[Child] = []

    def settings(self, **changes: str) -> dict[str, str]:
        """The environment of every process of the product. Nothing leaves the loopback."""
        inherited = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        return {
            **inherited,
            **SETTINGS,
            "PYTHONPATH": str(path_of(".")),
            "DATABASE_URL": self.postgres.url("lm_app", self.database),
            "LEASE_SECONDS": str(LEASE_SECONDS),
            "TRUSTED_PROXIES": "1",
            # More mails than the default lets go in an hour are to be lost or not.
            "MAILS_PER_HOUR": "1000000",
            "AWS_ENDPOINT_URL": self.ses.url,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "eu-west-3",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": str(self.folder / "none"),
            "AWS_SHARED_CREDENTIALS_FILE": str(self.folder / "none"),
            **changes,
        }

    def start(self, name: str, *arguments: str, **settings: str) -> Child:
        log = self.folder / f"{len(self.children):04}-{name}.log"
        command = [sys.executable, "-m", *arguments]
        child = Child.start(name, command, env=self.settings(**settings), log=log)
        self.children.append(child)
        return child

    def worker(self, **settings: str) -> Child:
        return self.start("worker", "leadmagnet", "worker", **settings)

    def mortal_worker(self, step: str, times: int) -> Child:
        return self.start("mortal", "tests.faults.mortal_worker", step, str(times))

    def operator(self, *arguments: str) -> str:
        """What `leadmagnet …` prints."""
        command = [sys.executable, "-m", "leadmagnet", *arguments]
        done = subprocess.run(
            command, env=self.settings(), capture_output=True, text=True, timeout=60
        )
        require(done.returncode == 0, f"leadmagnet {' '.join(arguments)}: {done.stderr}")
        return done.stdout

    def end(self) -> None:
        alive = [child for child in self.children if not child.ended]
        for child in alive:
            # A frozen one would not hear of its end.
            child.signal(signal.SIGCONT)
        processes.stop(*alive)

    def rows(self, query: str, *parameters: object) -> list[dict[str, Any]]:
        """By the database's owner, on a connection of its own: the server comes and goes."""
        url = self.postgres.url("lm_owner", self.database)
        with psycopg.connect(url, autocommit=True, row_factory=dict_row) as conn:
            cursor = conn.execute(query, parameters or None)
            return cursor.fetchall() if cursor.description else []

    def value(self, query: str, *parameters: object) -> Any:
        (row,) = self.rows(query, *parameters)
        return next(iter(row.values()))

    def open_gate(self) -> None:
        """The wait that a throttling or paused SES imposes on all is over: not the subject."""
        self.rows("UPDATE lm_send_limiter SET next_at = least(next_at, now())")

    def make_due(self) -> None:
        """So is each mail's own wait. Only while no worker runs: this would break its lease."""
        self.open_gate()
        self.rows("UPDATE lm_outbox SET due_at = now() WHERE state = 'queued'")

    def deliver_all(self, *, seconds: float) -> None:
        """Until nothing is queued; the workers are the scenario's."""
        queued = "SELECT count(*) FROM lm_outbox WHERE state = 'queued'"
        until(lambda: self.value(queued) == 0, seconds=seconds, what="an empty queue")

    def balance(self, accepted: Iterable[str]) -> Balance:
        """Every accepted address, exactly once, in the books; and every sent mail at SES."""
        accepted = set(accepted)
        rows = self.rows(
            "SELECT s.email, o.state FROM lm_outbox o JOIN lm_subscribers s"
            " ON s.id = o.subscriber_id WHERE s.email = ANY (%s)",
            list(accepted),
        )
        states = Counter(row["state"] for row in rows)
        # Nobody here is suppressed or over a limit, so each signup has its row.
        require(
            states.total() == len(accepted) == len({row["email"] for row in rows}),
            f"{len(accepted)} accepted = {dict(states)}",
        )
        mails = self.ses.mails_per_address()
        sent = {row["email"] for row in rows if row["state"] == "sent"}
        require(not sent - mails.keys(), "marked as sent, and SES never took it")
        return Balance(len(accepted), states, len(accepted - mails.keys()), mails.total())


class Balance(NamedTuple):
    accepted: int
    states: Counter[str]
    # Accepted addresses that SES never got a mail for.
    without_mail: int
    mails: int

    def __str__(self) -> str:
        states = " + ".join(
            f"{self.states[state]} {state}" for state in ("sent", "queued", "dead", "cancelled")
        )
        return f"{self.accepted} accepted = {states}; {self.mails} mails"


class Api:
    """gunicorn on a port that stays the same over restarts."""

    def __init__(self, stage: Stage) -> None:
        self.port = free_port()
        self._stage = stage
        self.child = self._start()

    def _start(self) -> Child:
        return self._stage.start("api", "leadmagnet", "serve", PORT=str(self.port))

    def ready(self) -> bool:
        require(not self.child.ended, f"{self.child.last_output()}")
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def wait_until_ready(self) -> None:
        until(self.ready, seconds=60, what="the API is ready")

    def terminate(self) -> None:
        """SIGTERM, and it ends by itself, as if nothing had happened."""
        end_gracefully(self.child)

    def restart(self) -> None:
        self.child = self._start()


def end_gracefully(child: Child) -> None:
    child.signal(signal.SIGTERM)
    until(lambda: child.ended, seconds=30, what=f"{child.name} ends after SIGTERM")
    require(child.process.returncode == 0, child.death_notice())


def log_of(children: Sequence[Child], event: str) -> int:
    """How often these children logged the event."""
    needle = f'"event": "{event}"'
    logs = [child.log.read_text(errors="replace") for child in children if child.log]
    return sum(log.count(needle) for log in logs)


@contextmanager
def stage_on(postgres: Postgres, folder: Path) -> Iterator[Stage]:
    """A stage with a copy of the migrated database. Nothing of it is left afterwards."""
    name = f"faults_{next(_databases)}"
    folder = folder / name
    folder.mkdir()
    identifier = sql.Identifier(name)
    with psycopg.connect(postgres.url("postgres", "postgres"), autocommit=True) as admin:
        admin.execute(
            sql.SQL(
                "CREATE DATABASE {} TEMPLATE leadmagnet STRATEGY file_copy OWNER lm_owner"
            ).format(identifier)
        )
    with FakeSes() as ses:
        stage = Stage(postgres, ses, folder, name)
        try:
            yield stage
        finally:
            stage.end()
    with psycopg.connect(postgres.url("postgres", "postgres"), autocommit=True) as admin:
        admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(identifier))
