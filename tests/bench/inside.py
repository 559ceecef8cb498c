"""Part `inside`: what a request costs in the application alone, and how much of it is the cold.

HTTP's server and its threads are left out: requests go to the WSGI application one by one.
"""

from __future__ import annotations

import os
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from statistics import median
from typing import Any

from flask import Flask
from werkzeug.datastructures import Headers
from werkzeug.test import EnvironBuilder

from leadmagnet.app import create_app
from leadmagnet.config import Config
from leadmagnet.database import Database
from leadmagnet.services import Services
from leadmagnet.telemetry import logs
from tests.bench.statements import AGENT
from tests.bench.systems import Systems, load_links
from tests.bench.tables import number, table

DATABASE = "inside"
REQUESTS = 300
PAUSE_SECONDS = 0.002


class Remembering:
    """Asks the database the first time, and then knows the answer, after a pause."""

    def __init__(self, database: Database, pause: float) -> None:
        self._database, self._pause = database, pause
        self._rows: dict[str, Any] = {}

    def one(self, name: str, **parameters: Any) -> Any:
        if name not in self._rows:
            self._rows[name] = self._database.one(name, **parameters)
        if self._pause:
            time.sleep(self._pause)
        return self._rows[name]


def run(systems: Systems, *, rounds: int) -> str:
    systems.create(DATABASE, 1000)
    environment = systems.environment(DATABASE)
    os.environ.update(environment)
    services = Services.from_config(Config.from_env(environment), connections=1)
    services.database.open()
    answers = {
        "all of it": services.database,
        "the database's answer from memory": Remembering(services.database, 0),
        "the same, each after 2 ms of sleep": Remembering(services.database, PAUSE_SECONDS),
    }
    apps = {
        name: create_app(replace(services, database=database))  # type: ignore[arg-type]
        for name, database in answers.items()
    }
    spent: dict[tuple[str, str], list[float]] = defaultdict(list)
    with open(os.devnull, "w") as nowhere:
        logs.configure("INFO", nowhere)
        for turn in range(rounds + 1):
            for kind in ("signup", "confirm"):
                for name, app in apps.items():
                    series = f"{kind}{turn}{list(apps).index(name)}"
                    if kind == "confirm":
                        load_links(systems, DATABASE, series, REQUESTS)
                    # The first round warms up.
                    spent[name, kind] += [_spend(app, kind, series)] * (turn > 0)
    services.database.close()
    rows = [
        [name, *(number(median(spent[name, kind])) for kind in ("signup", "confirm"))]
        for name in apps
    ]
    head = ["CPU ms a request, in process", "signup", "confirm"]
    return f"### inside\n\n{table(head, rows)}"


def _spend(app: Flask, kind: str, series: str) -> float:
    """Milliseconds of this process's CPU for each of the requests."""
    environs = [_environ(kind, series, n) for n in range(1, REQUESTS + 1)]
    statuses: set[str] = set()
    start: Callable[..., Any] = lambda status, _headers, _error=None: statuses.add(status)
    began = time.process_time()
    for environ in environs:
        answer = app(environ, start)
        b"".join(answer)
        answer.close()  # type: ignore[attr-defined]
    spent = time.process_time() - began
    if statuses - {"200 OK", "202 ACCEPTED"}:
        raise RuntimeError(f"{kind}: {statuses}")
    return spent / REQUESTS * 1000


def _environ(kind: str, series: str, n: int) -> dict[str, Any]:
    body: dict[str, Any] = {"token": f"{series}-{n}".ljust(43, "x")}
    if kind == "signup":
        texts = ["guide-mariee-sereine-delivery-fr-1"]
        body = {"email": f"{series}-{n}@example.org", "consents": texts, "source": "instagram"}
    builder = EnvironBuilder(
        path=f"/api/lead-magnet/{kind}",
        method="POST",
        json=body,
        headers=Headers(
            {
                "Accept-Language": "fr-FR,fr;q=0.9,en;q=0.8",
                "User-Agent": AGENT,
                "X-Forwarded-For": f"11.{n // 250}.{n % 250}.{hash(series) % 250}",
            }
        ),
    )
    environ = builder.get_environ()
    environ["wsgi.input"] = BytesIO(environ["wsgi.input"].read())
    return environ
