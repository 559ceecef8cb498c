"""YAML as a person would write it: long text as text, and short things in one line."""

from __future__ import annotations

from typing import Any

import yaml

# What stands in one line has at most so many characters, and so many levels.
SHORT = 105
DEEP = 4


def dump(value: Any) -> str:
    return yaml.dump(value, Dumper=_ReadableDumper, allow_unicode=True, sort_keys=False, width=100)


class _ReadableDumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


def _mapping(dumper: yaml.SafeDumper, value: dict[str, Any]) -> yaml.Node:
    return dumper.represent_mapping("tag:yaml.org,2002:map", value, flow_style=_is_short(value))


def _sequence(dumper: yaml.SafeDumper, value: list[Any]) -> yaml.Node:
    words = all(isinstance(part, str) and " " not in part for part in value)
    flow = words or _is_short(value)
    return dumper.represent_sequence("tag:yaml.org,2002:seq", value, flow_style=flow)


def _is_short(value: Any) -> bool:
    return _depth(value) <= DEEP and len(text := str(value)) <= SHORT and "\\n" not in text


def _depth(value: Any) -> int:
    parts = (
        value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    )
    return 0 if not parts else 1 + max(map(_depth, parts))


_ReadableDumper.add_representer(str, _text)
_ReadableDumper.add_representer(dict, _mapping)
_ReadableDumper.add_representer(list, _sequence)
