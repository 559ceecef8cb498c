"""What openapi.yaml says that an operation may answer."""

from __future__ import annotations

import re
from contextlib import suppress
from functools import cache
from typing import Any

from flask import Flask
from werkzeug.exceptions import HTTPException

from leadmagnet.app import create_app
from leadmagnet.web import openapi
from leadmagnet.web.messages import PROBLEMS


def codes_of(*descriptions: str) -> set[str]:
    return set(re.findall("[a-z_]+", " ".join(descriptions))) & set(PROBLEMS)


UNDOCUMENTED = {"/metrics"}
# What no operation serves is answered as by all.
NOWHERE = {"responses": {"default": {"$ref": "/problem"}}}


@cache
def _contract() -> dict[str, Any]:
    return openapi.document(create_app(None))


@cache
def _everywhere(name: str) -> dict[int, set[str]]:
    """The codes of each status that any operation may answer: `…: 400 this, that; 404 another`."""
    said: dict[int, set[str]] = {}
    description = _contract()["components"]["responses"][name]["description"]
    for status, codes in re.findall(r"(\d{3}) ([a-z_, \n]+)", description):
        said.setdefault(int(status), set()).update(codes_of(codes))
    return said


def assert_documented(app: Flask, answer: Any) -> None:
    """The operation may answer this status with this code, by what the contract says of it."""
    status, code = answer.status_code, answer.json["code"]
    request = answer.request
    path = ""
    with suppress(HTTPException):
        rule, _ = app.url_map.bind("").match(request.path, request.method, return_rule=True)
        path = re.sub(r"<(?:[^>]+:)?(\w+)>", r"{\1}", rule.rule)
    if path in UNDOCUMENTED:
        return
    item = {**_contract()["paths"].get(path, {})}
    item.pop("parameters", None)
    # Whatever the method, as every operation here.
    default = next(iter(item.values()), NOWHERE)["responses"]["default"]["$ref"].rpartition("/")[2]
    responses = item.get(request.method.lower(), NOWHERE)["responses"]
    codes = codes_of(responses.get(str(status), {}).get("description", ""))
    known = codes | _everywhere(default).get(status, set())
    assert code in known, f"{request.method} {request.path} {status} {code}: not in openapi.yaml"
    headers = _contract()["components"]["responses"][default].get("headers", {})
    for name in ("Allow", "WWW-Authenticate"):
        assert name not in answer.headers or name in headers, (
            f"{default}: {name} not in openapi.yaml"
        )
