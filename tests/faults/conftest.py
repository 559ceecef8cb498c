from __future__ import annotations

from collections.abc import Iterator

import pytest

from leadmagnet.dev.postgres import Postgres
from tests.support.stack import migrated_postgres


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    with migrated_postgres(tmp_path_factory.mktemp("faults"), durable=True) as postgres:
        yield postgres
