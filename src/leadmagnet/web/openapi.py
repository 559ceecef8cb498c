"""The contract as a document: `openapi.yaml`, generated from the routes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import yaml
from flask import Flask

from leadmagnet.web.contract import MEDIA_TYPE
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
SHORT = 85
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
    _share(spec)
    _name_codes(components["schemas"])
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


def _share(spec: dict[str, Any]) -> None:
    """Say once, as a component, what several operations say alike."""
    items = [*spec["paths"].values(), *spec["webhooks"].values()]
    operations = [each for item in items for name, each in item.items() if name != "parameters"]
    _share_as("responses", spec, _entries(operations, "responses"), _problem_name)
    responses = [response for _, _, response in _entries(operations, "responses")]
    responses += spec["components"]["responses"].values()
    _share_as("headers", spec, _entries(responses, "headers"), lambda name, _: name)
    bodies = [response.get("content", {}).get(MEDIA_TYPE, {}) for response in responses]
    _share_as("examples", spec, _entries(bodies, "examples"), lambda code, _: code)
    _share_as(
        "parameters", spec, _entries([*items, *operations], "parameters"), lambda _, it: it["name"]
    )


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


def _problem_name(_: Any, response: dict[str, Any]) -> str | None:
    problem = response.get("content", {}).get(MEDIA_TYPE)
    return "-or-".join(problem["examples"]).replace("_", "-") if problem else None


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
    """Writes long text as text, and what is short and not nested in one line."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


def _mapping(dumper: yaml.SafeDumper, value: dict[str, Any]) -> yaml.Node:
    flow = _is_short([*value, *value.values()])
    return dumper.represent_mapping("tag:yaml.org,2002:map", value, flow_style=flow)


def _sequence(dumper: yaml.SafeDumper, value: list[Any]) -> yaml.Node:
    words = all(isinstance(part, str) and " " not in part for part in value)
    flow = words or _is_short(value)
    return dumper.represent_sequence("tag:yaml.org,2002:seq", value, flow_style=flow)


def _is_short(parts: list[Any]) -> bool:
    if any(part and isinstance(part, dict | list) for part in parts):
        return False
    text = ", ".join(map(str, parts))
    return len(text) <= SHORT and "\n" not in text


_ReadableDumper.add_representer(str, _text)
_ReadableDumper.add_representer(dict, _mapping)
_ReadableDumper.add_representer(list, _sequence)
