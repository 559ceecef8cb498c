"""A real PostgreSQL, a fresh copy of the migrated database for each test, SES and S3 over HTTP."""

from __future__ import annotations

import itertools
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis.configuration import set_hypothesis_home_dir
from psycopg import sql
from psycopg.rows import dict_row
from werkzeug.serving import make_server

from leadmagnet.adapters.s3 import Files
from leadmagnet.adapters.ses import Mail, Mailer
from leadmagnet.adapters.sns import Certificates, roots
from leadmagnet.app import create_app
from leadmagnet.config import Config
from leadmagnet.database import Database, migrations
from leadmagnet.dev import demo
from leadmagnet.dev.mailbox import create_mailbox
from leadmagnet.dev.postgres import Postgres
from leadmagnet.dev.roles import create_roles_and_database
from leadmagnet.mail import outbox
from leadmagnet.services import Services
from leadmagnet.telemetry.logs import JsonFormatter, unsaid

API = "/api/lead-magnet"
DELIVERY = "guide-mariee-sereine-delivery-fr-1"
NEWSLETTER = "guide-mariee-sereine-newsletter-fr-1"
ADA = "ada@example.org"
# How often, never who: what a try that leaves no trace of anybody still counts on.
COUNTS = frozenset(("lm_signup_limits", "lm_signup_outcomes"))

SETTINGS = {
    "SITE_URL": "https://www.light-and-shutter.example",
    "API_URL": "https://api.light-and-shutter.example",
    "S3_BUCKET": "leadmagnet-guides",
    "MAIL_FROM": "Light & Shutter <guide@light-and-shutter.example>",
    "SES_CONFIGURATION_SET": "leadmagnet",
    "SES_MAX_RATE": "10000",
    "UNSUBSCRIBE_KEYS": "k1-" + "x" * 40,
    "HASH_KEY": "h1-" + "z" * 40,
    # Tests sign up many, from one network and without the wait that hides what happened.
    "SIGNUPS_PER_HOUR": "100000",
    "GUESSES_PER_HOUR": "100000",
    "BEAT_MILLISECONDS": "0",
}


@pytest.fixture(scope="session", autouse=True)
def hypothesis_keeps_out_of_the_tree(tmp_path_factory: pytest.TempPathFactory) -> None:
    set_hypothesis_home_dir(tmp_path_factory.mktemp("hypothesis"))


@pytest.fixture(scope="session", autouse=True)
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """The SES endpoint of `make run`, on a loopback port, and credentials of nobody."""
    app = create_mailbox()
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", "test")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        patch.setenv("AWS_DEFAULT_REGION", "eu-west-3")
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        patch.setenv("AWS_CONFIG_FILE", str(tmp_path_factory.mktemp("aws") / "none"))
        patch.setenv("AWS_ENDPOINT_URL_SESV2", f"http://127.0.0.1:{server.server_port}")
        yield app
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    with Postgres(tmp_path_factory.mktemp("postgres") / "data", durable=False) as postgres:
        create_roles_and_database(postgres)
        owner = postgres.url("lm_owner", "leadmagnet")
        migrations.migrate(owner, app_role="lm_app")
        demo.load(owner)
        yield postgres


@dataclass(frozen=True)
class TestDatabase:
    """A copy of the migrated database; `owner` for a test's own look and touch."""

    __test__ = False
    name: str
    url: str
    owner: psycopg.Connection[dict[str, Any]]

    def rows(self, query: str, *parameters: object) -> list[dict[str, Any]]:
        cursor = self.owner.execute(query, parameters or None)
        return cursor.fetchall() if cursor.description else []

    def value(self, query: str, *parameters: object) -> Any:
        (row,) = self.rows(query, *parameters)
        return next(iter(row.values()))

    def count(self, table: str) -> int:
        return int(self.value(f"SELECT count(*) FROM {table}"))

    def checksum(self, *, without: frozenset[str] = frozenset()) -> dict[str, str]:
        """Of every row of every table, by table."""
        tables = self.rows(
            "SELECT relname FROM pg_class WHERE relname LIKE 'lm%' AND relkind = 'r'"
        )
        return {
            table["relname"]: self.value(
                "SELECT md5(coalesce(string_agg(t::text, '|' ORDER BY t::text), ''))"
                f" FROM {table['relname']} t"
            )
            for table in tables
            if table["relname"] not in without
        }


numbers = itertools.count(1)


@pytest.fixture
def database(server: Postgres) -> Iterator[TestDatabase]:
    with fresh_database(server) as database:
        yield database


@contextmanager
def fresh_database(server: Postgres) -> Iterator[TestDatabase]:
    name = f"test_{next(numbers)}"
    admin_url = server.url("postgres", "postgres")
    with psycopg.connect(admin_url, autocommit=True) as admin:
        admin.execute(
            sql.SQL(
                "CREATE DATABASE {} TEMPLATE leadmagnet STRATEGY file_copy OWNER lm_owner"
            ).format(sql.Identifier(name))
        )
        with psycopg.connect(
            server.url("lm_owner", name), autocommit=True, row_factory=dict_row
        ) as owner:
            yield TestDatabase(name, server.url("lm_app", name), owner)
        admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def configured(database: TestDatabase, **changes: str) -> Config:
    return Config.from_env({**SETTINGS, "DATABASE_URL": database.url, **changes})


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
        services = Services(config, Database(config.database_url, size=8), files, NO_CERTIFICATES)
        services.database.open()
        started.append(services)
        return services

    yield start
    for services in started:
        services.database.close()


@pytest.fixture
def services(start: Callable[..., Services]) -> Services:
    return start()


def no_request(url: str) -> bytes:
    raise AssertionError(f"a request leaves for {url}")


NO_CERTIFICATES = Certificates(no_request, roots=roots()[:1])


class CheckedClient(FlaskClient):
    """Asserts of every answer what every answer must be."""

    def open(self, *args: Any, **kwargs: Any) -> Any:
        answer = super().open(*args, **kwargs)
        assert answer.status_code < 500 or answer.status_code == 503, answer.data
        if answer.status_code == 503:
            assert int(answer.headers["Retry-After"]) > 0
        if answer.status_code >= 400 and answer.request.method != "HEAD":
            assert answer.content_type == "application/problem+json", answer.data
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        assert "Origin" in answer.headers["Vary"]
        return answer


@pytest.fixture
def client(services: Services) -> FlaskClient:
    return client_of(services)


def client_of(services: Services) -> FlaskClient:
    app = create_app(services)
    app.test_client_class = CheckedClient
    return app.test_client()


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


def world(services: Services, send: Callable[[Mail], str]) -> outbox.World:
    """A worker's world without its patience."""
    return outbox.World(
        services.database, services.config, send, lambda seconds: None, services.random_bytes
    )


@dataclass
class Mailbox:
    """Delivers what is queued, through the real adapter and HTTP, and reads what arrived."""

    services: Services
    api: FlaskClient
    mailer: Mailer

    def deliver(self) -> Mailbox:
        while outbox.deliver_next(world(self.services, self.mailer.send)):
            pass
        return self

    def messages(self, to: str | None = None) -> list[dict[str, Any]]:
        """Newest first."""
        answer = self.api.get("/api/messages", query_string={"to": to} if to else {})
        return list(json.loads(answer.data))

    def kinds(self, to: str = ADA) -> list[str]:
        """Oldest first."""
        return [message["tags"]["kind"] for message in reversed(self.messages(to))]

    def token(self, to: str = ADA) -> str:
        """Of the newest mail's link."""
        return link_token(self.messages(to)[0]["text"], "confirm")

    def privacy_token(self, to: str = ADA) -> str:
        return link_token(self.messages(to)[0]["text"], "mes-donnees")

    def leave_token(self, to: str = ADA) -> str:
        return link_token(self.messages(to)[0]["text"], "unsubscribe")


def link_token(text: str, page: str) -> str:
    found = re.search(rf"/lead-magnet/{page}\?token=(\S+)", text)
    assert found, text
    return found[1]


@pytest.fixture
def leadmagnet(server: Postgres, database: TestDatabase) -> Callable[..., Any]:
    """The command line, in a process of its own, on the test's database."""

    def run(*args: str, stdin: str = "", **changes: str) -> Any:
        return subprocess.run(
            [sys.executable, "-m", "leadmagnet", *args],
            env={
                **SETTINGS,
                "PATH": os.environ["PATH"],
                "DATABASE_URL": database.url,
                "MIGRATION_DATABASE_URL": server.url("lm_owner", database.name),
                **changes,
            },
            input=stdin,
            capture_output=True,
            encoding="utf-8",
            errors="surrogateescape",
        )

    return run


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


def sign_up(client: FlaskClient, email: Any = ADA, **body: Any) -> Any:
    return client.post(f"{API}/signup", json={"email": email, "consents": [DELIVERY], **body})


def confirm(client: FlaskClient, token: Any) -> Any:
    return client.post(f"{API}/confirm", json={"token": token})


def problem(answer: Any) -> tuple[int, str]:
    """Status and code of a problem, whose shape is checked on the way."""
    assert answer.content_type == "application/problem+json", answer.data
    body = answer.json
    assert {"type", "title", "status", "detail", "code"} <= set(body) <= {
        "type", "title", "status", "detail", "code", "errors",
    }  # fmt: skip
    assert body["status"] == answer.status_code
    assert body["detail"] and body["title"]
    return answer.status_code, body["code"]


def path_of(name: str) -> Path:
    return Path(__file__).resolve().parents[1] / name
