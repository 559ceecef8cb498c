"""The product's statements as pgbench scripts, with the parameters that the product passes."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import replace
from datetime import timedelta
from typing import Any, NoReturn

from flask import Flask
from psycopg import sql

from leadmagnet import database as db
from leadmagnet.app import create_app
from leadmagnet.config import Config
from leadmagnet.services import Services

AGENT = "Mozilla/5.0 (iPhone; CPU iPhone OS 19_1 like Mac OS X) AppleWebKit/605.1.15"


class Recorded(Exception):
    """The statement that a request would have run."""

    def __init__(self, name: str, parameters: dict[str, Any]) -> None:
        super().__init__(name)
        self.name, self.parameters = name, parameters


class Recorder:
    """Stands in for the database, up to the first statement."""

    def one(self, name: str, **parameters: Any) -> Any:
        raise Recorded(name, parameters)

    all = one


def application(config: Config) -> Flask:
    """The real one, without a database."""
    services = Services.from_config(config, connections=1)
    app = create_app(replace(services, database=Recorder()))  # type: ignore[arg-type]
    app.testing = True
    app.config["PROPAGATE_EXCEPTIONS"] = True
    app.register_error_handler(Recorded, _raise)
    return app


def _raise(error: Recorded) -> NoReturn:
    raise error


def recorded(app: Flask, path: str, body: dict[str, Any], *, ip: str) -> Recorded:
    """The statement of one request."""
    headers = {"X-Forwarded-For": ip, "User-Agent": AGENT}
    try:
        answer = app.test_client().post(f"/api/lead-magnet/{path}", json=body, headers=headers)
    except Recorded as seen:
        return seen
    raise RuntimeError(answer.text)


def _hashable(value: Any) -> bool:
    return not isinstance(value, list)


def script(config: Config, kind: str) -> str:
    """A pgbench script whose :series and :n make each transaction somebody else's.

    Requests that differ in all that may differ show which parameters do.
    """
    series = {"signup": "subscriber_sign_up", "confirm": "subscriber_confirm"}
    app = application(config)
    seen = [
        recorded(app, kind, _body(kind, number), ip=f"192.0.2.{number}") for number in range(64)
    ]
    first = seen[0]
    assert {each.name for each in seen} == {series[kind]}
    values = {}
    for name, value in first.parameters.items():
        different = {each.parameters[name] for each in seen} if _hashable(value) else {repr(value)}
        if len(different) == 1:
            values[name] = _constant(value)
        elif len(different) == len(seen):
            values[name] = _varying(kind, name, value)
        else:
            # One of a few, like the slot that a signup counts in.
            few = [_constant(each) for each in sorted(different)]
            values[name] = f"(ARRAY[{', '.join(few)}])[:network % {len(few)} + 1]"
    text, order, _ = db.queries()[first.name]
    query = re.sub(r"\$(\d+)", lambda found: values[order[int(found[1]) - 1]], text)
    return (
        "\\set i :i + 1\n\\set n :i * :clients + :client_id + 1\n"
        f"\\set network random(0, 1000000000)\n{query};\n"
    )


def _body(kind: str, number: int) -> dict[str, Any]:
    if kind == "confirm":
        return {"token": f"somebody-{number}"}
    return {
        "email": f"somebody-{number}@example.org",
        "consents": ["guide-mariee-sereine-delivery-fr-1"],
        "source": "instagram",
    }


def _varying(kind: str, name: str, value: Any) -> str:
    if isinstance(value, bytes):
        # Each signup comes from its own network, under its own address.
        who = ":series::text || '-' || :n"
        who += "" if kind == "confirm" else f" || '{name}'"
        return f"substring(sha256(convert_to({who}, 'UTF8')) for {len(value)})"
    if "@" in value:
        return "(:series::text || '-' || :n || '@example.org')"
    ipaddress.ip_network(value)
    return "host('11.0.0.0'::inet + :network::bigint)"


def _constant(value: Any) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, timedelta):
        return f"interval '{value.total_seconds()} seconds'"
    if isinstance(value, bytes):
        return f"'\\x{value.hex()}'::bytea"
    return sql.Literal(value).as_string()
