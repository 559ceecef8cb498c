"""The admin API in a test: its services, and callers with keys."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import psycopg
from flask.testing import FlaskClient

from leadmagnet.adapters.oidc import Issuer
from leadmagnet.admin import keys
from leadmagnet.admin.access import Admin
from leadmagnet.admin.settings import AdminConfig
from leadmagnet.database import Database, queries
from leadmagnet.services import Services
from tests.support.client import CheckedClient, app_of

ADMIN = "/api/admin/lead-magnet"


class Caller:
    """Calls the admin API with a bearer, from a network."""

    def __init__(self, client: FlaskClient, bearer: str | None, ip: str = "127.0.0.1") -> None:
        self.client = client
        self.bearer = bearer
        self._ip = ip

    def open(self, method: str, path: str, headers: Any = (), **kwargs: Any) -> Any:
        sent = dict(headers)
        if self.bearer is not None:
            sent["Authorization"] = f"Bearer {self.bearer}"
        return self.client.open(
            f"{ADMIN}{path}",
            method=method,
            headers=sent,
            environ_base={"REMOTE_ADDR": self._ip},
            **kwargs,
        )

    def get(self, path: str, **kwargs: Any) -> Any:
        return self.open("GET", path, **kwargs)

    def post(self, path: str, body: Any = None, **kwargs: Any) -> Any:
        return self.open("POST", path, json={} if body is None else body, **kwargs)

    def delete(self, path: str, body: Any = None) -> Any:
        return self.open("DELETE", path, json={} if body is None else body)


@contextmanager
def admin_client(
    services: Services, *, issuer: Issuer | None = None, **settings: str
) -> Iterator[FlaskClient]:
    config = AdminConfig.from_env({"ADMIN_API": "true", **settings})
    database = Database(services.config.database_url, size=2, seconds=10.0)
    database.open()
    app = app_of(services, Admin(replace(services, database=database), config, issuer))
    app.test_client_class = CheckedClient
    try:
        yield app.test_client()
    finally:
        database.close()


def new_key(database: Any, services: Services, *, role: str, name: str = "") -> str:
    """A key that works, stored as the command stores it."""
    key = keys.make(secrets.token_bytes)
    owner = _Owner(database)
    keys.add(
        owner,  # type: ignore[arg-type]
        name=name or f"{role}-{secrets.token_hex(4)}",
        key=key,
        role=role,
        life=timedelta(days=1),
        hash_key=services.config.hash_key,
    )
    return key


class _Owner:
    """Runs named queries over the test's own connection, which is the owner's."""

    def __init__(self, database: Any) -> None:
        self._database = database

    def one(self, name: str, **parameters: Any) -> Any:
        query = queries()[name]
        with psycopg.RawCursor(self._database.owner) as cursor:
            cursor.execute(query.text, [parameters[each] for each in query.parameters])
            return cursor.fetchone()

    @contextmanager
    def transaction(self) -> Iterator[_Owner]:
        yield self

    def run(self, *_: Any, **__: Any) -> None:
        """The row in the audit is left out: a test reads there what it did itself."""
