"""The product's statements as pgbench scripts, with the parameters that the product passes."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

from psycopg import sql

from leadmagnet import db
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


def recorded(config: Config, path: str, body: dict[str, Any], *, ip: str) -> Recorded:
    """The statement of one request to the real application."""
    services = Services.from_config(config, connections=1)
    app = create_app(replace(services, database=Recorder()))  # type: ignore[arg-type]
    app.testing = True
    seen: list[Recorded] = []
    app.register_error_handler(Recorded, lambda error: (seen.append(error), ("", 204))[1])
    headers = {"X-Forwarded-For": ip, "User-Agent": AGENT}
    app.test_client().post(f"/api/lead-magnet/{path}", json=body, headers=headers)
    return seen[0]


def script(config: Config, kind: str) -> str:
    """A pgbench script whose :series and :n make each transaction somebody else's.

    Two requests that differ in all that may differ show which parameters do.
    """
    series = {"signup": "subscriber_sign_up", "confirm": "subscriber_confirm"}
    first, second = (
        recorded(config, kind, _body(kind, number), ip=f"192.0.{number}.7") for number in (2, 3)
    )
    assert first.name == second.name == series[kind]
    values = {
        name: _varying(kind, value) if value != second.parameters[name] else _constant(value)
        for name, value in first.parameters.items()
    }
    query = re.sub(
        r"%\((\w+)\)s", lambda found: values[found[1]], db.queries()[first.name]
    ).replace("%%", "%")
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


def _varying(kind: str, value: Any) -> str:
    if isinstance(value, bytes):
        who = ":series::text || '-' || :n" if kind == "confirm" else ":network::text"
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
    return sql.Literal(value).as_string()
