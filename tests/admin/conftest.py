"""The admin API, and who calls it."""

from __future__ import annotations

import pytest

from tests.support.admin import Caller, admin_client, new_key


@pytest.fixture
def client(services):
    """In place of the one without the admin API: the visitor's."""
    with admin_client(services) as client:
        yield client


@pytest.fixture
def owner(client, database, services):
    return Caller(client, new_key(database, services, role="owner", name="ada-laptop"))


@pytest.fixture
def viewer(client, database, services):
    return Caller(client, new_key(database, services, role="viewer", name="assistant"))
