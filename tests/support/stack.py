"""The product as real processes on loopback, over a PostgreSQL of its own: started, and ended."""

from __future__ import annotations

import http.client
import os
import shutil
import signal
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import psycopg
from psycopg import sql

from leadmagnet.database import migrations
from leadmagnet.dev import demo, processes
from leadmagnet.dev.ports import free_port
from leadmagnet.dev.postgres import Postgres
from leadmagnet.dev.processes import Child
from leadmagnet.dev.roles import create_roles_and_database
from tests.support.paths import path_of
from tests.support.settings import AWS
from tests.support.waiting import require, until

TEMPLATE = "leadmagnet"
MEMORY = Path("/dev/shm")


def memory() -> Path | None:
    """A folder in memory, where there is room: each test copies three hundred files, in a tenth
    of the time that a disk takes. Containers often have 64 MB there, and macOS has none."""
    roomy = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > 4 * 2**30
    return MEMORY if roomy else None


@contextmanager
def migrated_postgres(
    folder: Path, *, durable: bool, max_connections: int | None = None
) -> Iterator[Postgres]:
    """A server with a migrated database, the demo magnet in it, to be copied."""
    # PostgreSQL runs as another user when we are root.
    folder.chmod(0o711)
    with Postgres(folder / "postgres", durable=durable) as postgres:
        if max_connections:
            with administrator(postgres) as admin:
                admin.execute(f"ALTER SYSTEM SET max_connections = {max_connections}")
            postgres.stop()
            postgres.start()
        create_roles_and_database(postgres)
        owner = postgres.url("lm_owner", TEMPLATE)
        migrations.migrate(owner, app_role="lm_app")
        demo.load(owner)
        yield postgres


def administrator(postgres: Postgres, database: str = "postgres") -> psycopg.Connection[Any]:
    return psycopg.connect(postgres.url("postgres", database), autocommit=True)


def copy_database(admin: psycopg.Connection[Any], name: str) -> None:
    admin.execute(
        sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy OWNER lm_owner").format(
            sql.Identifier(name), sql.Identifier(TEMPLATE)
        )
    )


def drop_database(admin: psycopg.Connection[Any], name: str) -> None:
    admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


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

    def is_ready(self) -> bool:
        require(not self.child.ended, f"{self.name} ended{self.child.last_output()}")
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        with closing(connection):
            try:
                connection.request("GET", "/readyz")
                # Ours says 503 until its pool is connected; others have no such page.
                return connection.getresponse().status in (200, 404)
            except (OSError, http.client.HTTPException):
                return False

    def wait_until_ready(self) -> None:
        until(self.is_ready, seconds=180, what=f"{self.name} is ready")


class Stack:
    """The processes of one database. They are started from the main thread only: they die with
    the thread that started them."""

    def __init__(self, database_url: str, folder: Path, settings: dict[str, str]) -> None:
        self.database_url = database_url
        self.folder = folder
        self.children: list[Child] = []
        self._settings = settings

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        alive = [child for child in self.children if not child.ended]
        for child in alive:
            # A frozen one would not hear of its end.
            child.signal(signal.SIGCONT)
        processes.stop(*alive)

    def environment(self, **changes: str) -> dict[str, str]:
        """Of every process. Nothing leaves the loopback, whatever the shell is configured for."""
        inherited = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        python_path = os.pathsep.join((str(path_of(".")), str(path_of("src"))))
        own = {"PYTHONPATH": python_path, "DATABASE_URL": self.database_url}
        return {**inherited, **AWS, **self._settings, **own, **changes}

    def start(self, name: str, *module: str, **settings: str) -> Child:
        """`python -m MODULE ARGUMENT…`, with its output in a file of its own."""
        child = Child.start(
            name,
            [sys.executable, "-m", *module],
            env=self.environment(**settings),
            log=self.folder / f"{len(self.children):04}-{name}.log",
            # gunicorn then ends its workers.
            on_our_death=signal.SIGTERM,
        )
        self.children.append(child)
        return child

    def serve(self, name: str, *module: str, **settings: str) -> Service:
        """A server, once it answers. `{port}` in an argument is its port."""
        port = free_port()
        arguments = [part.replace("{port}", str(port)) for part in module]
        child = self.start(name, *arguments, PORT=str(port), **settings)
        service = Service(name, port, child)
        service.wait_until_ready()
        return service

    def api(self, **settings: str) -> Service:
        return self.serve("api", "leadmagnet", "serve", **settings)

    def worker(self, **settings: str) -> Child:
        return self.start("worker", "leadmagnet", "worker", **settings)


def end_gracefully(child: Child) -> None:
    """By SIGTERM, without a fault."""
    child.signal(signal.SIGTERM)
    wait_for_end(child)


def wait_for_end(child: Child) -> None:
    until(lambda: child.ended, seconds=60, what=f"{child.name} ends after SIGTERM")
    require(child.process.returncode == 0, child.death_notice())
