"""The contract as a document: `openapi.yaml`, generated from the routes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any

from flask import Flask

from leadmagnet.web import readable_yaml
from leadmagnet.web.contract import EVERYWHERE, GUARDED, MEDIA_TYPE
from leadmagnet.web.messages import PROBLEMS
from leadmagnet.web.webhook_contract import schemas, webhooks

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
HEADERS: dict[str, Any] = {
    "429": {"Retry-After": _SECONDS, "RateLimit-Policy": _RATE, "RateLimit": _RATE},
    "503": {"Retry-After": _SECONDS},
}
# An operation's problems of one status: each code, and the field it is about.
Codes = dict[str, str | None]
# A collection, a place in it, and what stands there.
Entry = tuple[Any, Any, Any]


def document(app: Flask) -> dict[str, Any]:
    """The OpenAPI 3.1 document in the order a person reads."""
    spec = app.extensions["openapi"]().to_dict()
    if services := app.extensions.get("leadmagnet"):
        # Whom to turn to: the contract in the repository does not know it.
        config = services.config
        spec["info"]["contact"] = {"name": config.studio_name, "url": config.site_url}
    spec["info"] = _ordered(spec["info"], INFO)
    spec["paths"] = {path: _path(item) for path, item in spec["paths"].items()}
    spec["webhooks"] = webhooks()
    components = spec["components"]
    components["schemas"] |= schemas()
    _refer_to_problems(spec)
    _share(spec)
    _name_codes(components["schemas"])
    # flask-smorest registers a pagination schema whether or not anything is paged.
    components["schemas"].pop("PaginationMetadata", None)
    spec["components"] = {
        kind: dict(sorted(components[kind].items())) for kind in sorted(components)
    }
    return _ordered(spec, DOCUMENT)


def as_yaml(app: Flask) -> str:
    return readable_yaml.dump(document(app))


def _share(spec: dict[str, Any]) -> None:
    """Say once, as a component, what several operations say alike."""
    items = [*spec["paths"].values(), *spec["webhooks"].values()]
    operations = _operations(items)
    responses = [response for _, _, response in _entries(operations, "responses")]
    responses += spec["components"]["responses"].values()
    _share_as("headers", spec, _entries(responses, "headers"), lambda name, _: name)
    _share_as(
        "parameters", spec, _entries([*items, *operations], "parameters"), lambda _, it: it["name"]
    )


def _operations(items: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    return [each for item in items for name, each in item.items() if name != "parameters"]


def _refer_to_problems(spec: dict[str, Any]) -> None:
    """An operation names the codes it answers in a line for each status; the rest is said once."""
    shared: dict[str, Any] = {
        "problem": _problem(f"As everywhere: {_listed(EVERYWHERE)}", HEADERS["503"]),
        "admin-problem": _problem(
            f"As everywhere in the admin API: {_listed(GUARDED)}; {_listed(EVERYWHERE)}",
            HEADERS["503"],
        ),
    }
    for operation in _operations(spec["paths"].values()):
        responses = operation["responses"]
        # flask-smorest refers to a 422 of its own for whatever takes arguments.
        if "$ref" in responses.get("422", {}):
            del responses["422"]
        for status, response in responses.items():
            if problem := response.get("content", {}).get(MEDIA_TYPE):
                codes = {code: about["value"] for code, about in problem["examples"].items()}
                if status not in shared:
                    phrase = HTTPStatus(int(status)).phrase
                    shared[status] = _problem(phrase, HEADERS.get(status), _example(status, codes))
                responses[status] = _reference(status, _about(codes))
        guarded = "security" in operation
        responses["default"] = _reference("admin-problem" if guarded else "problem")
    spec["components"]["responses"] = shared


def _problem(description: str, headers: Any, example: Any = None) -> dict[str, Any]:
    content: dict[str, Any] = {"schema": {"$ref": "#/components/schemas/Problem"}}
    if example:
        content["example"] = example
    said = {"headers": dict(headers)} if headers else {}
    return {"description": description, **said, "content": {MEDIA_TYPE: content}}


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


def _example(status: str, codes: Codes) -> dict[str, Any]:
    code, pointer = next(iter(codes.items()))
    detail = PROBLEMS[code]["fr"]
    example: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTPStatus(int(status)).phrase,
        "status": int(status),
        "detail": detail,
        "code": code,
    }
    if pointer:
        example["errors"] = [{"pointer": pointer, "code": code, "detail": detail}]
    return example


def _name_codes(schemas: dict[str, Any]) -> None:
    """Every code stands in one list, which both kinds of problem refer to."""
    for name in ("Problem", "ProblemDetail"):
        code = schemas[name]["properties"]["code"]
        schemas["ProblemCode"] = {"type": code.pop("type"), "enum": code.pop("enum")}
        code["$ref"] = "#/components/schemas/ProblemCode"


def _entries(holders: Iterable[dict[str, Any]], key: str) -> list[Entry]:
    """Of all collections that stand under this key."""
    found = [holder[key] for holder in holders if key in holder]
    pairs = [each.items() if isinstance(each, dict) else enumerate(each) for each in found]
    return [
        (collection, place, value)
        for collection, placed in zip(found, pairs, strict=True)
        for place, value in placed
    ]


def _share_as(
    kind: str, spec: dict[str, Any], entries: list[Entry], name: Callable[[Any, Any], str | None]
) -> None:
    shared = spec["components"].setdefault(kind, {})
    every = [value for _, _, value in entries]
    for collection, place, value in entries:
        named = name(place, value) if every.count(value) > 1 else None
        # A second meaning of a name stays where it is said.
        if named and shared.setdefault(named, value) == value:
            collection[place] = {"$ref": f"#/components/{kind}/{named}"}


def _path(item: dict[str, Any]) -> dict[str, Any]:
    shared = {"parameters": item.pop("parameters")} if "parameters" in item else {}
    return shared | {method: _operation(item[method]) for method in item}


def _operation(operation: dict[str, Any]) -> dict[str, Any]:
    responses = operation["responses"]
    operation["responses"] = {status: responses[status] for status in sorted(responses)}
    return _ordered(operation, OPERATION)


def _ordered(value: dict[str, Any], first: Iterable[str]) -> dict[str, Any]:
    return {key: value[key] for key in (*first, *value) if key in value}
