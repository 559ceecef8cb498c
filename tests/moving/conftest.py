"""A database in which the former system lives, in place of one with our tables."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import psycopg
import pytest
from psycopg import sql
from psycopg.rows import dict_row

from leadmagnet.consent import chain
from leadmagnet.consent.seals import Sealer
from leadmagnet.database import migrations
from leadmagnet.dev import demo
from leadmagnet.dev.postgres import Postgres
from leadmagnet.moving import asides, imports
from leadmagnet.services import Services
from tests.support.database import TestDatabase
from tests.support.paths import path_of
from tests.support.services import configured
from tests.support.stack import administrator, drop_database

MAGNET = "guide-mariee-sereine"
numbers = itertools.count(1)


@pytest.fixture
def database(server: Postgres) -> Iterator[TestDatabase]:
    """With the former system's tables and its six people."""
    name = f"moving_{next(numbers)}"
    with administrator(server) as admin:
        admin.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE template0 OWNER lm_owner").format(
                sql.Identifier(name)
            )
        )
        with psycopg.connect(
            server.url("lm_owner", name), autocommit=True, row_factory=dict_row
        ) as owner:
            owner.execute(path_of("tests/moving/predecessor.sql").read_bytes())
            yield TestDatabase(name, server.url("lm_app", name), owner)
        drop_database(admin, name)


@pytest.fixture
def owner_url(server: Postgres, database: TestDatabase) -> str:
    return server.url("lm_owner", database.name)


@pytest.fixture
def make_room(owner_url: str) -> Callable[[], None]:
    """Sets the old tables aside, migrates, and makes the magnet."""

    def make() -> None:
        asides.set_aside(owner_url)
        migrations.migrate(owner_url, app_role="lm_app")
        demo.load(owner_url)

    return make


@pytest.fixture
def bring_in(owner_url: str, database: TestDatabase) -> Callable[..., imports.Result]:
    """Imports, with the choices given."""

    def run(report=None, config=None, **choices) -> imports.Result:
        return imports.import_all(
            owner_url,
            config or configured(database),
            imports.Choices(magnet=MAGNET, **choices),
            report=report,
            say=lambda step: None,
        )

    return run


@pytest.fixture
def moved(make_room: Callable[[], None], bring_in: Callable[..., imports.Result]) -> imports.Result:
    make_room()
    return bring_in()


@pytest.fixture
def seal(services: Services) -> Callable[[], None]:
    def all_of_it() -> None:
        sealer = Sealer(services, settling_time=chain.SETTLING_TIME * 0)
        while sealer.seal():
            pass

    return all_of_it
