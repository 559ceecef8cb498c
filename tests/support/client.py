"""The HTTP client of the tests, which checks of each answer what all must keep."""

from __future__ import annotations

from copy import copy
from functools import cache
from typing import Any

from flask import Flask
from flask.testing import FlaskClient

from leadmagnet.admin.access import Admin
from leadmagnet.app import create_app
from leadmagnet.services import Services
from leadmagnet.web import guard
from tests.support.contract import assert_documented
from tests.support.settings import ADA, API, DELIVERY
from tests.support.settling import settle


class CheckedClient(FlaskClient):
    """Asserts of every answer what every answer must be. What was accepted is settled before the
    test goes on, as by a worker that is quick; a test may do without one."""

    worker = True

    def open(self, *args: Any, **kwargs: Any) -> Any:
        answer = super().open(*args, **kwargs)
        assert answer.status_code < 500 or answer.status_code == 503, answer.data
        if answer.status_code == 503:
            assert int(answer.headers["Retry-After"]) > 0
        if answer.status_code >= 400 and answer.request.method != "HEAD":
            assert answer.content_type == "application/problem+json", answer.data
            assert_documented(self.application, answer)
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        assert "Origin" in answer.headers["Vary"]
        if answer.status_code == 202 and self.worker:
            settle(self.application.extensions["leadmagnet"])
        return answer


plain_app = cache(create_app)


def app_of(services: Services, admin: Admin | None = None) -> Flask:
    """An application of these services. Compiling the routes takes longer than most tests, so that
    those without settings of their own about HTTP share what was made once."""
    config = services.config
    if config.cors_origins or config.trusted_proxies or config.metrics_token:
        return create_app(services, admin)
    app = copy(plain_app(None))
    app.extensions = {**app.extensions, "leadmagnet": services}
    if admin:
        app.extensions[guard.EXTENSION] = admin
    return app


def client_of(services: Services, *, worker: bool = True) -> FlaskClient:
    app = app_of(services)
    app.test_client_class = CheckedClient
    client = app.test_client()
    assert isinstance(client, CheckedClient)
    client.worker = worker
    return client


def sign_up(client: FlaskClient, email: Any = ADA, **body: Any) -> Any:
    return client.post(f"{API}/signup", json={"email": email, "consents": [DELIVERY], **body})


def confirm(client: FlaskClient, token: Any) -> Any:
    return client.post(f"{API}/confirm", json={"token": token})


def problem(answer: Any) -> tuple[int, str]:
    """Status and code of a problem, whose shape is checked on the way."""
    assert answer.content_type == "application/problem+json", answer.data
    body = answer.json
    assert {"type", "title", "status", "detail", "code"} <= set(body) <= {
        "type", "title", "status", "detail", "code", "errors", "required",
    }  # fmt: skip
    assert body["status"] == answer.status_code
    assert body["detail"] and body["title"]
    return answer.status_code, body["code"]
