"""Moves what the contract repeats into its components."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from marshmallow import Schema

from leadmagnet.web.schemas import ResponseSchema

# A collection, a place in it, and what stands there.
Entry = tuple[Any, Any, Any]


def share(spec: dict[str, Any]) -> None:
    """Replace what several operations have in common by references to components."""
    _show_with_schemas(spec)
    items = [*spec["paths"].values(), *spec["webhooks"].values()]
    operations = operations_of(items)
    responses = [response for _, _, response in _entries(operations, "responses")]
    responses += spec["components"]["responses"].values()
    _share_as("headers", spec, _entries(responses, "headers"), lambda name, _: name)
    parameters = _entries([*items, *operations], "parameters")
    for _, _, parameter in parameters:
        if not parameter.get("required"):
            parameter.pop("required", None)
    _share_as("parameters", spec, parameters, lambda _, parameter: parameter["name"])
    bodies = [
        (each, "requestBody", each["requestBody"]) for each in operations if "requestBody" in each
    ]
    _share_as("requestBodies", spec, bodies, _schema_name)
    _share_successes(spec, operations)


def _share_successes(spec: dict[str, Any], operations: list[dict[str, Any]]) -> None:
    """Responses that differ in nothing but their description are one."""
    entries = [each for each in _entries(operations, "responses") if "$ref" not in each[2]]
    said = [response.pop("description") for _, _, response in entries]
    _share_as("responses", spec, entries, _schema_name)
    for (responses, status, response), description in zip(entries, said, strict=True):
        if "$ref" in responses[status]:
            responses[status]["description"] = description
            name = responses[status]["$ref"].rpartition("/")[2]
            spec["components"]["responses"][name] = {"description": description, **response}
        else:
            responses[status] = {"description": description, **response}


def _schema_name(_: Any, body: dict[str, Any]) -> str | None:
    media = body.get("content", {}).get("application/json", {})
    name = media.get("schema", {}).get("$ref", "").rpartition("/")[2]
    return name if media.keys() == {"schema"} and name else None


def operations_of(items: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    return [each for item in items for name, each in item.items() if name != "parameters"]


def inherit(schemas: dict[str, Any]) -> None:
    """A schema that derives from another lists only its own fields, and refers to it by `allOf`."""
    for base in ResponseSchema.__subclasses__():
        name = _name_of(base)
        heirs = [each for each in base.__subclasses__() if _name_of(each) in schemas]
        if name not in schemas and len(heirs) < 2:
            continue
        for heir in map(_name_of, heirs):
            keys = [field.data_key for field in base().fields.values()]
            own = schemas[heir]
            if name not in schemas:
                schemas[name] = _part(own, keys)
            more = _part(own, [key for key in own["properties"] if key not in keys])
            schemas[heir] = {"allOf": [{"$ref": f"#/components/schemas/{name}"}, more]}


def _name_of(shape: type[Schema]) -> str:
    return shape.__name__.removesuffix("Schema")


def _part(schema: dict[str, Any], keys: list[str | None]) -> dict[str, Any]:
    properties = {key: value for key, value in schema["properties"].items() if key in keys}
    required = [key for key in schema["required"] if key in keys]
    return {"type": "object", "properties": properties, "required": required}


def _show_with_schemas(spec: dict[str, Any]) -> None:
    """An example stands with its schema, so that whatever is made of that shows it, too."""
    for operation in operations_of(spec["paths"].values()):
        for body in (operation.get("requestBody", {}), *operation["responses"].values()):
            for media in body.get("content", {}).values():
                name = media["schema"].get("$ref", "").rpartition("/")[2]
                if name and "example" in media:
                    schema = spec["components"]["schemas"][name]
                    # A second example stays where it is said.
                    if schema.setdefault("example", media["example"]) == media["example"]:
                        del media["example"]


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
