"""The contract as a document: `openapi.yaml`, generated from the routes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

from flask import Flask

from leadmagnet.web import readable_yaml, sharing
from leadmagnet.web.contract import EVERYWHERE, GUARDED, MEDIA_TYPE
from leadmagnet.web.messages import PROBLEMS
from leadmagnet.web.sharing import operations_of
from leadmagnet.web.webhook_contract import TAKEN, schemas, webhooks

DOCUMENT = ("openapi", "info", "servers", "security", "tags", "paths", "webhooks", "components")
INFO = ("title", "version", "description", "contact", "license")
OPERATION = (
    "operationId",
    "tags",
    "summary",
    "description",
    "parameters",
    "requestBody",
    "responses",
)
_SECONDS = {"schema": {"type": "integer"}, "description": "Seconds to wait before trying again"}
_RATE = {
    "schema": {"type": "string"},
    "description": "The limit that was reached (draft-ietf-httpapi-ratelimit-headers)",
}
_ALLOW = {"schema": {"type": "string"}, "description": "With a 405: the methods that are allowed"}
_AUTHENTICATE = {
    "schema": {"type": "string"},
    "description": "With a 401 or 403: `Bearer`, and what is wrong with the token (RFC 6750)",
}
HEADERS: dict[int, dict[str, Any]] = {
    # The examples of what an operation of the admin API may answer, and of what any may.
    401: {"Allow": _ALLOW, "WWW-Authenticate": _AUTHENTICATE},
    500: {"Allow": _ALLOW},
    429: {"Retry-After": _SECONDS, "RateLimit-Policy": _RATE, "RateLimit": _RATE},
    503: {"Retry-After": _SECONDS},
}
# An operation's problems of one status: each code, and the field it is about.
Codes = dict[str, str | None]


def document(app: Flask) -> dict[str, Any]:
    """The OpenAPI 3.1 document in the order a person reads."""
    spec = app.extensions["openapi"]().to_dict()
    if services := app.extensions.get("leadmagnet"):
        # Whom to turn to: the contract in the repository does not know it.
        config = services.config
        contact = {"name": config.studio_name, "url": config.site_url}
        # Not into the dictionary itself, which the next app's document begins with.
        spec["info"] = spec["info"] | {"contact": contact}
    spec["info"] = _ordered(spec["info"], INFO)
    spec["paths"] = {path: _path(item) for path, item in spec["paths"].items()}
    spec["webhooks"] = webhooks()
    components = spec["components"]
    sharing.inherit(components["schemas"])
    components["schemas"] |= schemas()
    _refer_to_problems(spec)
    sharing.share(spec)
    _name_codes(components["schemas"])
    # flask-smorest registers a pagination schema whether or not anything is paged.
    components["schemas"].pop("PaginationMetadata", None)
    spec["components"] = {
        kind: dict(sorted(components[kind].items())) for kind in sorted(components)
    }
    return _ordered(spec, DOCUMENT)


def as_yaml(app: Flask) -> str:
    return readable_yaml.dump(document(app))


def _refer_to_problems(spec: dict[str, Any]) -> None:
    """An operation names the codes it answers in a line for each status; the rest is said once."""
    guarded = {
        status: GUARDED.get(status, ()) + EVERYWHERE.get(status, ())
        for status in sorted(EVERYWHERE | GUARDED)
    }
    shared = {
        "problem": _problem(500, {"internal_error": None}, f"As everywhere: {_listed(EVERYWHERE)}"),
        "admin-problem": _problem(
            401, {"unauthorized": None}, f"As for every admin: {_listed(guarded)}"
        ),
    }
    # What may be wrong with what a visitor sends is the best example.
    sent: dict[str, Counter[tuple[str, str | None]]] = {}
    other: dict[str, Codes] = {}
    for operation in operations_of(spec["paths"].values()):
        responses = operation["responses"]
        # flask-smorest refers to a 422 of its own for whatever takes arguments.
        if "$ref" in responses.get("422", {}):
            del responses["422"]
        for status, response in responses.items():
            if problem := response.get("content", {}).get(MEDIA_TYPE):
                codes = {code: about["value"] for code, about in problem["examples"].items()}
                responses[status] = _reference(status, _about(codes))
                if "requestBody" in operation and "security" not in operation:
                    sent.setdefault(status, Counter()).update(codes.items())
                other.setdefault(status, dict([next(iter(codes.items()))]))
        responses["default"] = _reference("admin-problem" if "security" in operation else "problem")
    often = {
        status: dict(each for each, _ in reversed(said.most_common(2)))
        for status, said in sent.items()
    }
    for status, codes in sorted((other | often).items()):
        shared[status] = _problem(int(status), codes)
    spec["components"]["responses"] = shared | {"webhook": TAKEN}


def _problem(status: int, codes: Codes, said: str | None = None) -> dict[str, Any]:
    # Each under its code, which the explorer shows: an operation may name others.
    examples = {code: {"value": _example(status, code, at)} for code, at in codes.items()}
    content = {"schema": {"$ref": "#/components/schemas/Problem"}, "examples": examples}
    headers = {"headers": dict(HEADERS[status])} if status in HEADERS else {}
    said = said or HTTPStatus(status).phrase
    return {"description": said, **headers, "content": {MEDIA_TYPE: content}}


def _example(status: int, code: str, pointer: str | None) -> dict[str, Any]:
    detail = PROBLEMS[code]["fr"]
    example: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "code": code,
    }
    if pointer:
        example["errors"] = [{"pointer": pointer, "code": code, "detail": detail}]
    return example


def _reference(response: str, description: str | None = None) -> dict[str, str]:
    said = {"description": description} if description else {}
    return {"$ref": f"#/components/responses/{response}"} | said


def _listed(refusals: dict[int, tuple[str, ...]]) -> str:
    return "; ".join(f"{status} {', '.join(codes)}" for status, codes in refusals.items())


def _about(codes: Codes) -> str:
    """`email_invalid, email_unsupported (/email); …`"""
    fields: dict[str | None, list[str]] = {}
    for code, pointer in codes.items():
        fields.setdefault(pointer, []).append(code)
    return "; ".join(
        ", ".join(named) + (f" ({pointer})" if pointer else "") for pointer, named in fields.items()
    )


def _name_codes(schemas: dict[str, Any]) -> None:
    """Every code stands in one list, which both kinds of problem refer to."""
    for name in ("Problem", "ProblemDetail"):
        code = schemas[name]["properties"]["code"]
        schemas["ProblemCode"] = {"type": code.pop("type"), "enum": code.pop("enum")}
        code["$ref"] = "#/components/schemas/ProblemCode"


def _path(item: dict[str, Any]) -> dict[str, Any]:
    shared = {"parameters": item.pop("parameters")} if "parameters" in item else {}
    return shared | {method: _operation(item[method]) for method in item}


def _operation(operation: dict[str, Any]) -> dict[str, Any]:
    responses = operation["responses"]
    operation["responses"] = {status: responses[status] for status in sorted(responses)}
    return _ordered(operation, OPERATION)


def _ordered(value: dict[str, Any], first: Iterable[str]) -> dict[str, Any]:
    return {key: value[key] for key in (*first, *value) if key in value}
