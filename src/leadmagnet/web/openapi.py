"""The contract as a document: `openapi.yaml`, generated from the routes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import yaml
from flask import Flask

from leadmagnet.web.webhook_contract import webhooks

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


def document(app: Flask) -> dict[str, Any]:
    """The OpenAPI 3.1 document in the order a person reads."""
    spec = app.extensions["openapi"].to_dict()
    spec["info"] = _ordered(spec["info"], INFO)
    spec["paths"] = {path: _path(item) for path, item in spec["paths"].items()}
    spec["webhooks"] = webhooks()
    components = spec["components"]
    _share_responses(spec)
    # flask-smorest registers a pagination schema whether or not anything is paged.
    components["schemas"].pop("PaginationMetadata", None)
    spec["components"] = {
        kind: dict(sorted(components[kind].items())) for kind in sorted(components)
    }
    return _ordered(spec, DOCUMENT)


def as_yaml(app: Flask) -> str:
    return yaml.dump(
        document(app), Dumper=_ReadableDumper, allow_unicode=True, sort_keys=False, width=100
    )


def _share_responses(spec: dict[str, Any]) -> None:
    """Say a problem that several operations answer once, as a component named by its codes."""
    shared = spec["components"]["responses"]
    responses = [
        operation["responses"]
        for item in spec["paths"].values()
        for method, operation in item.items()
        if method != "parameters"
    ]
    every = [response for found in responses for response in found.values()]
    for found in responses:
        for status, response in found.items():
            problem = response.get("content", {}).get("application/problem+json")
            if problem and every.count(response) > 1:
                name = "-or-".join(problem["examples"]).replace("_", "-")
                shared[name] = response
                found[status] = {"$ref": f"#/components/responses/{name}"}


def _path(item: dict[str, Any]) -> dict[str, Any]:
    shared = {"parameters": item.pop("parameters")} if "parameters" in item else {}
    return shared | {method: _operation(item[method]) for method in item}


def _operation(operation: dict[str, Any]) -> dict[str, Any]:
    responses = operation["responses"]
    operation["responses"] = {status: responses[status] for status in sorted(responses)}
    return _ordered(operation, OPERATION)


def _ordered(value: dict[str, Any], first: Iterable[str]) -> dict[str, Any]:
    return {key: value[key] for key in (*first, *value) if key in value}


class _ReadableDumper(yaml.SafeDumper):
    """Writes an example out again instead of pointing at its first use, and long text as text."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_ReadableDumper.add_representer(str, _text)
