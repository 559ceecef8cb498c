"""openapi.yaml, and whether something is what a schema of it says."""

from __future__ import annotations

from typing import Any

import yaml

from tests.support.paths import path_of


def contract() -> dict[str, Any]:
    return dict(yaml.load(path_of("openapi.yaml").read_bytes(), yaml.CSafeLoader))


def assert_valid(value: Any, rules: dict[str, Any]) -> None:
    # A second to import, and few processes of a run have use for it.
    from jsonschema import Draft202012Validator, FormatChecker

    Draft202012Validator(rules, format_checker=FormatChecker()).validate(value)
