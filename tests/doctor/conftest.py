"""What `leadmagnet doctor` is given in a test."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import pytest
import responses
from botocore.stub import Stubber

from leadmagnet.adapters.inspection import Inspection
from leadmagnet.adapters.names import Names
from leadmagnet.adapters.pages import Pages
from leadmagnet.admin.settings import AdminConfig
from leadmagnet.config import MigrationConfig
from leadmagnet.dev.postgres import Postgres
from leadmagnet.doctor.examination import examine
from leadmagnet.doctor.findings import Finding, Surroundings
from leadmagnet.services import Services
from tests.support.database import TestDatabase
from tests.support.fake_ses import FakeSes

PDF = b"%PDF-1.7 and so on"
BUCKET = "leadmagnet-guides"


def client(service: str) -> Any:
    host = {"sesv2": "email", "s3": "s3", "sns": "sns"}[service]
    return boto3.client(
        service, "eu-west-3", endpoint_url=f"https://{host}.eu-west-3.amazonaws.com"
    )


class Clients:
    """Clients of boto3's, each to be answered by a Stubber."""

    def __init__(self) -> None:
        self.s3, self.ses, self.sns = client("s3"), client("sesv2"), client("sns")


@pytest.fixture(scope="session")
def clients_of_all(ses: FakeSes) -> Clients:
    """Made once: three cost 20 ms."""
    return Clients()


@pytest.fixture
def clients(clients_of_all: Clients) -> Iterator[Clients]:
    yield clients_of_all
    for client in (clients_of_all.s3, clients_of_all.ses, clients_of_all.sns):
        Stubber(client).deactivate()


@pytest.fixture
def given(
    services: Services, server: Postgres, database: TestDatabase, clients: Clients, tmp_path: Path
) -> Surroundings:
    owner = server.url("lm_owner", database.name)
    return Surroundings(
        services=services,
        admin=AdminConfig(),
        migration=MigrationConfig(migration_database_url=owner),
        misspelt={},
        aws=Inspection(s3=clients.s3, ses=clients.ses, sns=clients.sns),
        names=Names(),
        pages=Pages(),
        now=lambda: datetime.now(UTC),
        sleep=lambda seconds: None,
        env_file=tmp_path / ".env",
    )


@pytest.fixture
def look(given: Surroundings) -> Callable[..., Finding]:
    """One check by its name, with changed surroundings or settings."""

    def look(category: str, check: str, /, **changes: Any) -> Finding:
        there = replace(given, **changes)
        found = {one.check: one.finding for one in examine(there, [category])}
        return found[check]

    return look


@pytest.fixture
def web() -> Any:
    """What the web answers; everything else is refused."""
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield mock


@pytest.fixture
def environment() -> dict[str, str]:
    """For a process of its own, whose requests leave for nowhere."""
    given = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
    nowhere = "http://127.0.0.1:9"
    return given | {"AWS_ENDPOINT_URL_S3": nowhere, "AWS_ENDPOINT_URL_SNS": nowhere}
