"""The things measured: a durable PostgreSQL with several databases, and servers in front of it."""

from __future__ import annotations

import itertools
import os
import signal
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql

from leadmagnet.database import migrations
from leadmagnet.dev import demo
from leadmagnet.dev.ports import free_port
from leadmagnet.dev.postgres import Postgres
from leadmagnet.dev.processes import Child, stop
from leadmagnet.dev.roles import create_roles_and_database

HERE = Path(__file__).parent
LEADMAGNET = [sys.executable, "-m", "leadmagnet"]
WORKERS = 2
serial = itertools.count(1)
SETTINGS = {
    "SITE_URL": "https://www.light-and-shutter.example",
    "S3_BUCKET": "leadmagnet-guides",
    "MAIL_FROM": "Light & Shutter <guide@light-and-shutter.example>",
    "SES_CONFIGURATION_SET": "leadmagnet",
    "UNSUBSCRIBE_KEYS": "k1-" + "x" * 40,
    "HASH_KEY": "h" * 40,
    # The load generator plays the proxy: each request comes from a network of its own.
    "TRUSTED_PROXIES": "1",
    "WEB_WORKERS": str(WORKERS),
    "METRICS_TOKEN": "m" * 40,
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": "eu-west-3",
    "AWS_EC2_METADATA_DISABLED": "true",
}


@dataclass(frozen=True)
class Service:
    """A server on a loopback port; its process tree is what its requests cost."""

    name: str
    port: int
    child: Child

    @property
    def pid(self) -> int:
        return self.child.process.pid

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


class Stack:
    """One PostgreSQL, as `make run` starts it: every commit reaches the disk."""

    def __init__(self, postgres: Postgres, folder: Path, exits: ExitStack) -> None:
        self.postgres = postgres
        self.folder = folder
        self._exits = exits

    @property
    def postgres_pid(self) -> int:
        assert self.postgres.child
        return self.postgres.child.process.pid

    def create(self, name: str, people: int) -> None:
        """A migrated database with the demo magnet and so many subscribers."""
        with psycopg.connect(self.postgres.url("postgres", "postgres"), autocommit=True) as admin:
            admin.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE leadmagnet").format(sql.Identifier(name))
            )
        with self.superuser(name) as conn:
            with conn.transaction():
                for statement in (HERE / "people.sql").read_text().split(";\n\n"):
                    conn.cursor(binary=False).execute(_filled(conn, statement, people=people))
            conn.execute("VACUUM (ANALYZE)")
            conn.execute("CHECKPOINT")

    def superuser(self, database: str) -> psycopg.Connection:
        return psycopg.connect(self.postgres.url("postgres", database), autocommit=True)

    def url(self, database: str) -> str:
        return self.postgres.url("lm_app", database)

    def serve(self, name: str, command: list[str], database: str, **settings: str) -> Service:
        """Start a server and wait for its first answer. `{port}` in the command is its port."""
        port = free_port()
        command = [part.replace("{port}", str(port)) for part in command]
        child = self.start(name, command, database, PORT=str(port), **settings)
        service = Service(name, port, child)
        await_answer(service)
        return service

    def start(self, name: str, command: list[str], database: str, **settings: str) -> Child:
        child = Child.start(
            name,
            command,
            env=self.environment(database, **settings),
            log=self.folder / f"{name}-{next(serial)}.log",
            on_our_death=signal.SIGTERM,
        )
        self._exits.callback(_stop_once, child)
        return child

    def environment(self, database: str, **settings: str) -> Mapping[str, str]:
        kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
        return {**kept, **SETTINGS, "DATABASE_URL": self.url(database), **settings}

    def us(self, database: str, **settings: str) -> Service:
        """The product, as `make run` starts it."""
        return self.serve("us", [*LEADMAGNET, "serve"], database, **settings)

    def worker(self, database: str, **settings: str) -> Child:
        return self.start("worker", [*LEADMAGNET, "worker"], database, **settings)

    def ses(self, arrivals: Path, database: str) -> Service:
        """An SES that takes 50 ms, and writes each mail's arrival into the file."""
        command = [sys.executable, str(HERE / "fake_ses.py"), "{port}", str(arrivals)]
        return self.serve("ses", command, database)

    def fastapi(self, database: str) -> Service:
        command = [sys.executable, "-m", "uvicorn", "fastapi_service:app", "--app-dir", str(HERE)]
        command += ["--workers", str(WORKERS), "--port", "{port}", "--log-level", "warning"]
        return self.serve("fastapi", command, database)

    def granian(self, database: str, **settings: str) -> Service:
        """The product's WSGI application behind another server."""
        command = [sys.executable, "-m", "granian", "--interface", "wsgi", "granian_app:app"]
        command += ["--working-dir", str(HERE), "--no-ws", "--log-level", "warning"]
        command += ["--workers", str(WORKERS), "--port", "{port}", "--blocking-threads", "4"]
        return self.serve("granian", command, database, **settings)


def _stop_once(child: Child) -> None:
    if not child.ended:
        stop(child)


def await_answer(service: Service, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while True:
        try:
            urllib.request.urlopen(f"{service.url}/readyz", timeout=2).close()
            return
        except urllib.error.HTTPError as error:
            # Ours says 503 until its pool is connected; the alternative has no such page.
            if error.code != 503:
                return
        except OSError:
            pass
        if service.child.ended:
            raise RuntimeError(service.child.death_notice())
        if time.monotonic() > deadline:
            raise RuntimeError(f"{service.name} does not answer")
        time.sleep(0.01)


def load_links(stack: Stack, database: str, series: str, links: int) -> None:
    """So many links that nobody pressed yet, and a quiet disk afterwards."""
    with stack.superuser(database) as conn:
        conn.execute((HERE / "links.sql").read_text(), {"series": series, "links": links})
        conn.execute("CHECKPOINT")


def _filled(conn: psycopg.Connection, statement: str, **parameters: int) -> str:
    # Not every statement of a file takes parameters (CREATE TABLE AS, SET): filled in here.
    return psycopg.ClientCursor(conn).mogrify(statement, parameters)


@contextmanager
def running() -> Iterator[Stack]:
    with ExitStack() as exits:
        folder = Path(exits.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        folder.chmod(0o755)
        postgres = exits.enter_context(Postgres(folder / "postgres"))
        # Room for 64 clients of pgbench next to the pools; all else is as `make run` has it.
        with psycopg.connect(postgres.url("postgres", "postgres"), autocommit=True) as admin:
            admin.execute("ALTER SYSTEM SET max_connections = 200")
        postgres.stop()
        postgres.start()
        create_roles_and_database(postgres)
        owner = postgres.url("lm_owner", "leadmagnet")
        migrations.migrate(owner, app_role="lm_app")
        demo.load(owner)
        yield Stack(postgres, folder, exits)
