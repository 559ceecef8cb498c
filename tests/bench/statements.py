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
from tests.bench import signup_at_once

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
    app = create_app(
        replace(services, database=Recorder(), wake_worker=lambda: False)  # type: ignore[arg-type]
    )
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


def script(config: Config, kind: str) -> str:
    """A pgbench script whose :series and :n make each transaction somebody else's.

    Requests that differ in all that may differ show which parameters do.
    """
    if kind == "at_once":
        query = signup_at_once.query()
        bodies = [_body(kind, number) for number in range(64)]
        given = [
            {
                **dict.fromkeys(query[1]),
                **body,
                **signup_at_once.parameters(config, email=body["email"], ip=_ip(number)),
                "user_agent": AGENT,
            }
            for number, body in enumerate(bodies)
        ]
    else:
        name = {"signup": "request_sign_up", "confirm": "subscriber_confirm"}[kind]
        app = application(config)
        seen = [recorded(app, kind, _body(kind, n), ip=_ip(n)) for n in range(64)]
        assert {each.name for each in seen} == {name}
        query = (db.queries()[name].text, list(db.queries()[name].parameters))
        given = [each.parameters for each in seen]
    text, order = query
    values = {name: _value(kind, name, [each[name] for each in given]) for name in order}
    filled = re.sub(r"\$(\d+)", lambda found: values[order[int(found[1]) - 1]], text)
    return (
        "\\set i :i + 1\n\\set n :i * :clients + :client_id + 1\n"
        f"\\set network random(0, 1000000000)\n{filled};\n"
    )


def _value(kind: str, name: str, seen: list[Any]) -> str:
    different = {repr(value): value for value in seen}
    if len(different) == 1:
        return _constant(seen[0])
    if len(different) == len(seen):
        return _varying(kind, name, seen[0])
    # One of a few, like the slot that a signup counts in.
    few = [_constant(different[each]) for each in sorted(different)]
    return f"(ARRAY[{', '.join(few)}])[:network % {len(few)} + 1]"


def _ip(number: int) -> str:
    # Another network, however wide it is taken.
    return f"192.{number}.2.1"


def _body(kind: str, number: int) -> dict[str, Any]:
    if kind == "confirm":
        return {"token": f"somebody-{number}".ljust(43, "x")}
    return {
        "email": f"somebody-{number}@example.org",
        "consents": ["guide-mariee-sereine-delivery-fr-1"],
        "source": "instagram",
    }


def _varying(kind: str, name: str, value: Any) -> str:
    if isinstance(value, list):
        parts = [_varying(kind, f"{name}{index}", part) for index, part in enumerate(value)]
        return f"ARRAY[{', '.join(parts)}]"
    if isinstance(value, bytes):
        # Each signup comes from its own network, under its own address.
        who = ":series::text || '-' || :n"
        # A link's token has 43 characters; the other values only have to differ.
        who = f"rpad({who}, 43, 'x')" if kind == "confirm" else f"{who} || '{name}'"
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
