"""Where a scenario plays: a PostgreSQL, a fake SES, and the processes of the product."""

from __future__ import annotations

import itertools
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
from psycopg.rows import dict_row

from leadmagnet.dev.ports import free_port
from leadmagnet.dev.postgres import Postgres
from leadmagnet.dev.processes import Child
from tests.support.fake_ses import FakeSes
from tests.support.settings import SETTINGS
from tests.support.stack import (
    Service,
    Stack,
    administrator,
    copy_database,
    drop_database,
    end_gracefully,
)
from tests.support.waiting import require, until

LEASE_SECONDS = 2
FAULT_SETTINGS = SETTINGS | {
    "LEASE_SECONDS": str(LEASE_SECONDS),
    "SES_TIMEOUT_SECONDS": "1",
    "TRUSTED_PROXIES": "1",
    # More mails than the default lets go in an hour are to be lost or not.
    "MAILS_PER_HOUR": "1000000",
}
_databases = itertools.count(1)


class Stage(Stack):
    """A fresh database and a healthy SES."""

    def __init__(self, postgres: Postgres, ses: FakeSes, folder: Path, database: str) -> None:
        url = postgres.url("lm_app", database)
        super().__init__(url, folder, FAULT_SETTINGS | {"AWS_ENDPOINT_URL": ses.url})
        self.postgres = postgres
        self.ses = ses
        self.database = database

    def configure(self, **settings: str) -> None:
        """For every process that is started from now on."""
        self._settings |= settings

    def mortal_worker(self, step: str, times: int) -> Child:
        return self.start("mortal", "tests.faults.mortal_worker", step, str(times))

    def operator(self, *arguments: str) -> str:
        """What `leadmagnet …` prints."""
        command = [sys.executable, "-m", "leadmagnet", *arguments]
        done = subprocess.run(
            command, env=self.environment(), capture_output=True, text=True, timeout=60
        )
        require(done.returncode == 0, f"leadmagnet {' '.join(arguments)}: {done.stderr}")
        return done.stdout

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
        """Until no request waits and no mail is queued; the workers are the scenario's."""
        done = (
            "SELECT NOT EXISTS (SELECT FROM lm_requests)"
            " AND NOT EXISTS (SELECT FROM lm_outbox WHERE state = 'queued')"
        )
        until(lambda: self.value(done), seconds=seconds, what="an empty queue")

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

    def __init__(self, stage: Stage, **settings: str) -> None:
        self._stage = stage
        self._settings = settings
        self._service = self._start(free_port())

    @property
    def port(self) -> int:
        return self._service.port

    def _start(self, port: int) -> Service:
        child = self._stage.start("api", "leadmagnet", "serve", PORT=str(port), **self._settings)
        return Service("api", port, child)

    def wait_until_ready(self) -> None:
        self._service.wait_until_ready()

    def terminate(self) -> None:
        end_gracefully(self._service.child)

    def restart(self) -> None:
        self._service = self._start(self.port)


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
    with administrator(postgres) as admin:
        copy_database(admin, name)
    with FakeSes() as ses, Stage(postgres, ses, folder, name) as stage:
        yield stage
    with administrator(postgres) as admin:
        drop_database(admin, name)
