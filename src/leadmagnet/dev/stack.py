"""Runs everything on this machine: database, AWS emulator, mailbox, API and mail worker."""

from __future__ import annotations

import http.client
import signal
import sys
from collections.abc import Mapping
from contextlib import ExitStack, closing, suppress
from functools import partial
from pathlib import Path
from typing import NoReturn

import click
import psycopg

from leadmagnet.dev import ports, settings, site
from leadmagnet.dev.lock import FolderError, only_one_in
from leadmagnet.dev.postgres import Postgres, PostgresError
from leadmagnet.dev.processes import Child, stop
from leadmagnet.dev.roles import create_roles_and_database
from leadmagnet.dev.watch import ProcessError, StoppedBySignal, Watch
from leadmagnet.dev.welcome import welcome

FOLDER = Path(".dev")
LEADMAGNET = (sys.executable, "-m", "leadmagnet")
AWS_LOG = FOLDER / "aws.log"
REASONS = (
    settings.SettingError,
    FolderError,
    PostgresError,
    ProcessError,
    psycopg.Error,
    OSError,
)


def run(env: Mapping[str, str]) -> int:
    """Run until a signal (0) or until something goes wrong (1); nothing is left behind."""
    # A killed make cannot pass its signal on, so we look whether it is still there.
    with Watch(tied_to_parent="MAKELEVEL" in env) as watch:
        try:
            settings.refuse_half_a_pair(env)
            with only_one_in(FOLDER), ExitStack() as exits:
                _Stack(watch, exits, settings.complete(env, FOLDER)).serve()
        except StoppedBySignal:
            _say("stopped")
        except REASONS as error:
            _say(f"leadmagnet dev: {error}", err=True)
            return 1
    return 0


class _Stack:
    """What is started is put on `exits`, which stop it in the opposite order."""

    def __init__(self, watch: Watch, exits: ExitStack, env: dict[str, str]) -> None:
        self._watch = watch
        self._exits = exits
        self._env = env

    def serve(self) -> NoReturn:
        env_file = FOLDER / "env"
        self._look_at_ports(after_a_kill=env_file.exists())
        # One that a killed run left behind would lead other tools to nowhere.
        env_file.unlink(missing_ok=True)
        _say("starting ...")
        self._start_database()
        aws = self._start_aws()
        self._watch.run("leadmagnet migrate", [*LEADMAGNET, "migrate"], env=self._env)
        demo = [sys.executable, "-m", "leadmagnet.dev.demo"]
        self._watch.run("loading the demo data", demo, env=self._env)
        if aws:
            self._await_aws(aws)
        self._start_product()
        self._exits.callback(env_file.unlink, missing_ok=True)
        settings.write_env_file(env_file, self._env)
        if self._env["SITE_URL"] == settings.SITE_URL:
            site.stand_in(FOLDER, self._env)
        _say(welcome(self._env, FOLDER))
        while True:
            self._watch.pause()

    def _look_at_ports(self, *, after_a_kill: bool) -> None:
        wanted = {"PORT": self._env["HOST"]}
        if "AWS_ENDPOINT_URL_SESV2" not in self._env:
            wanted["MAILBOX_PORT"] = "127.0.0.1"
        numbers = {name: settings.port(self._env, name) for name in wanted}
        if len(set(numbers.values())) < len(numbers):
            raise settings.SettingError("PORT and MAILBOX_PORT are the same: change one")
        for name, host in wanted.items():
            # The children of a killed run are still answering their last requests.
            free = partial(ports.is_free, host, numbers[name])
            self._watch.until(free, seconds=10 if after_a_kill else 0)
            settings.refuse_taken_port(name, host, numbers[name])

    def _start_database(self) -> None:
        if self._env.get("DATABASE_URL"):
            return
        postgres = Postgres(FOLDER / "postgres")
        self._exits.callback(postgres.stop)
        self._watch.over(postgres.start(pause=self._watch.pause))
        create_roles_and_database(postgres)
        self._env["DATABASE_URL"] = postgres.url("lm_app", "leadmagnet")
        self._env["MIGRATION_DATABASE_URL"] = postgres.url("lm_owner", "leadmagnet")

    def _start_aws(self) -> Child | None:
        parts: list[str] = []
        if "AWS_ENDPOINT_URL_S3" not in self._env:
            port = str(ports.kept_port(FOLDER / "s3.port"))
            parts += ["--s3-port", port]
            self._env["AWS_ENDPOINT_URL_S3"] = f"http://127.0.0.1:{port}"
            self._env.setdefault("AWS_ENDPOINT_URL_SNS", f"http://127.0.0.1:{port}")
        if "AWS_ENDPOINT_URL_SESV2" not in self._env:
            port = self._env["MAILBOX_PORT"]
            parts += ["--mailbox-port", port, "--mailbox-file", str(FOLDER / "mailbox.jsonl")]
            self._env["AWS_ENDPOINT_URL_SESV2"] = f"http://127.0.0.1:{port}"
        if not parts:
            return None
        command = [sys.executable, "-m", "leadmagnet.dev.aws", *parts]
        aws = Child.start("the AWS emulator", command, env=self._env, log=AWS_LOG)
        self._exits.callback(stop, aws)
        self._watch.over(aws)
        return aws

    def _await_aws(self, aws: Child) -> None:
        if not self._watch.until(lambda: "ready\n" in AWS_LOG.read_text(), seconds=30):
            raise ProcessError(f"{aws.name} is not ready after 30 seconds{aws.last_output()}")

    def _start_product(self) -> None:
        # SIGTERM on our death: gunicorn then sees to its own workers.
        children = [
            Child.start(
                f"leadmagnet {command}",
                [*LEADMAGNET, command],
                env=self._env,
                on_our_death=signal.SIGTERM,
            )
            for command in ("serve", "worker")
        ]
        self._exits.callback(stop, *children)
        for child in children:
            self._watch.over(child)
        if not self._watch.until(self._is_ready, seconds=30):
            raise ProcessError("the API: GET /readyz does not answer 200 after 30 seconds")

    def _is_ready(self) -> bool:
        port = settings.port(self._env, "PORT")
        conn = http.client.HTTPConnection(settings.api_host(self._env), port, timeout=2)
        with closing(conn), suppress(OSError, http.client.HTTPException):
            conn.request("GET", "/readyz")
            return conn.getresponse().status == 200
        return False


def _say(text: str, *, err: bool = False) -> None:
    # The terminal may be gone: that is what SIGHUP says.
    with suppress(OSError):
        click.echo(text, err=err)
