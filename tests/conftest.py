"""A real PostgreSQL, a fresh copy of the migrated database for each test, SES and S3 over HTTP."""

from __future__ import annotations

import logging
import os
import re
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import copy
from datetime import timedelta
from functools import cache
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any
from unittest.mock import patch

import psycopg
import pytest
from botocore.loaders import JSONFileLoader
from click.testing import CliRunner
from flask import Flask
from flask.testing import FlaskClient
from hypothesis.configuration import set_hypothesis_home_dir
from moto.server import ThreadedMotoServer
from psycopg.rows import dict_row

from leadmagnet.adapters.s3 import Files
from leadmagnet.adapters.ses import Mailer
from leadmagnet.commands import main
from leadmagnet.dev.postgres import Postgres
from leadmagnet.services import Services
from leadmagnet.telemetry.logs import JsonFormatter, unsaid
from tests.support.client import client_of
from tests.support.database import (
    TestDatabase,
    close_connections,
    connected,
    connections_to,
    database_at,
    fresh_database,
)
from tests.support.fake_ses import FakeSes
from tests.support.mailbox import Mailbox
from tests.support.services import NO_CERTIFICATES, configured
from tests.support.settings import AWS, SETTINGS
from tests.support.stack import memory, migrated_postgres
from tests.support.waiting import until


def pytest_xdist_auto_num_workers() -> int:
    """One more than cores: while it waits for PostgreSQL or a process, another has its core."""
    return min(os.cpu_count() or 1, 7) + 1


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.get_closest_marker("long") is None)


@pytest.fixture(scope="session", autouse=True)
def hypothesis_keeps_out_of_the_tree() -> None:
    """Beside the packages: its tables of Unicode, which take two seconds to make, are kept."""
    set_hypothesis_home_dir(Path(sys.prefix) / "hypothesis")


@pytest.fixture(scope="session", autouse=True)
def models_of_aws_are_read_once() -> Iterator[None]:
    """Each session of boto3's reads two megabytes of JSON again, for each client of its own."""
    once = cache(JSONFileLoader().load_file)
    with patch.object(JSONFileLoader, "load_file", lambda _, path: once(path)):
        yield


@pytest.fixture(scope="session", autouse=True)
def ses() -> Iterator[FakeSes]:
    """SES on a loopback port, and credentials of nobody."""
    with FakeSes() as ses, pytest.MonkeyPatch.context() as patch:
        for name, value in (AWS | {"AWS_ENDPOINT_URL_SESV2": ses.url}).items():
            patch.setenv(name, value)
        yield ses


@pytest.fixture(scope="session")
def aws(ses: FakeSes) -> Flask:
    """Where the mails arrive."""
    return ses.mailbox


@pytest.fixture(scope="session")
def server() -> Iterator[Postgres]:
    with (
        tempfile.TemporaryDirectory(dir=memory()) as folder,
        migrated_postgres(Path(folder), durable=False) as postgres,
    ):
        yield postgres
        close_connections(postgres)


@pytest.fixture
def database(server: Postgres) -> Iterator[TestDatabase]:
    with fresh_database(server) as database:
        yield database


@pytest.fixture(scope="session")
def files(aws: Flask) -> Files:
    """One for all tests: it keeps nothing, and a session of boto3's costs 80 ms."""
    return Files(SETTINGS["S3_BUCKET"], url_life=timedelta(minutes=15))


@pytest.fixture(scope="session")
def mailer(aws: Flask) -> Mailer:
    return Mailer()


@pytest.fixture
def start(database: TestDatabase, files: Files) -> Iterator[Callable[..., Services]]:
    """Services with changed settings; closed after the test."""
    started: list[Services] = []

    def start(**changes: str) -> Services:
        config = configured(database, **changes)
        ours = None if "DATABASE_URL" in changes else connections_to(database)
        services = Services(
            config, ours or database_at(config.database_url), files, NO_CERTIFICATES
        )
        if not ours:
            services.database.open()
            started.append(services)
        if "DATABASE_URL" not in changes:
            # On a busy machine the first connection takes longer than a request waits for one.
            until(lambda: connected(services.database), seconds=60, what="a first connection")
        return services

    yield start
    for services in started:
        services.database.close()


@pytest.fixture
def services(start: Callable[..., Services]) -> Services:
    return start()


@pytest.fixture
def client(services: Services) -> FlaskClient:
    return client_of(services)


@pytest.fixture(autouse=True)
def log_lines(caplog: pytest.LogCaptureFixture) -> Iterator[Callable[[], list[str]]]:
    """The lines a server would have written; after each test none of them names anybody."""
    caplog.set_level("INFO", logger="leadmagnet")
    formatter = JsonFormatter()

    def lines() -> list[str]:
        # werkzeug serves the stand-ins for AWS, not the API.
        ours = [record for record in caplog.records if record.name != "werkzeug"]
        said = [copy(record) for record in ours]
        return [formatter.format(record) for record in said if unsaid(record)]

    yield lines
    for line in lines():
        assert "@" not in line, line
        assert "127.0.0.1" not in line, line
        assert not re.search(r"[\w-]{43}", line), line


@pytest.fixture
def leadmagnet(server: Postgres, database: TestDatabase) -> Callable[..., CompletedProcess[str]]:
    """The command line on the test's database. In this process, for the sake of the suite's time,
    but with the environment of one of its own."""

    def run(*args: str, stdin: str = "", **changes: str) -> CompletedProcess[str]:
        environment = {
            **SETTINGS,
            "PATH": os.environ["PATH"],
            "DATABASE_URL": database.url,
            "MIGRATION_DATABASE_URL": server.url("lm_owner", database.name),
            **changes,
        }
        with patch.dict(os.environ, environment, clear=True), logging_kept():
            result = CliRunner().invoke(
                main, args, input=stdin.encode("utf-8", "surrogateescape"), prog_name="leadmagnet"
            )
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return CompletedProcess(args, result.exit_code, result.stdout, result.stderr)

    return run


@contextmanager
def logging_kept() -> Iterator[None]:
    """A command configures logging for its process; pytest's is put back afterwards."""
    root, ours = logging.getLogger(), logging.getLogger("leadmagnet")
    kept = root.handlers[:], root.level, ours.level
    root.handlers.clear()
    try:
        yield
    finally:
        root.handlers[:], root.level, ours.level = kept
        logging.logThreads = logging.logMultiprocessing = True


@pytest.fixture
def superuser(server: Postgres, database: TestDatabase) -> Iterator[psycopg.Connection[Any]]:
    """Who may switch every trigger off, and here has."""
    url = server.url("postgres", database.name)
    with psycopg.connect(url, autocommit=True, row_factory=dict_row) as conn:
        conn.execute("SET session_replication_role = replica")
        yield conn


@pytest.fixture
def mailbox(services: Services, aws: Flask, mailer: Mailer) -> Mailbox:
    api = aws.test_client()
    api.delete("/api/messages")
    return Mailbox(services, api, mailer)


@pytest.fixture(scope="session")
def s3(aws: object) -> Iterator[str]:
    """The URL of an emulated S3."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()
