"""The drawing of the rooms in docs/architecture.md shows the imports as they are."""

from __future__ import annotations

import re

import pytest

from tests.contract.test_house_rules import MODULES, SOURCE, STOREYS, imports, room
from tests.support.paths import path_of

DOCUMENT = "docs/architecture.md"
FOLDERS = {path.parent.name for path in SOURCE.glob("*/__init__.py")}
# Modules at the root, above the routes, make up the two processes: one box. Those below may be used
# by all rooms, so that they have no arrows.
ABOVE = STOREYS[: STOREYS.index(("routes",))]
PROCESSES = {name for names in ABOVE for name in names} - FOLDERS - {"__main__"}


def box(name: str) -> str | None:
    """The box in which a room is drawn, if it is."""
    if name in PROCESSES:
        return "processes"
    return name if name in FOLDERS else None


def imported() -> set[tuple[str, str]]:
    found = set()
    for path in MODULES:
        for name in imports(path):
            package, _, rest = name.partition(".")
            ends = box(room(path)), box(rest.partition(".")[0])
            if package == "leadmagnet" and all(ends) and ends[0] != ends[1]:
                found.add(ends)
    return found


def drawn() -> set[tuple[str, str]]:
    drawings = re.findall(r"```mermaid\n(.*?)```", path_of(DOCUMENT).read_text("utf-8"), re.S)
    (rooms,) = (drawing for drawing in drawings if "commands -->" in drawing)
    found = set()
    for start, ends in re.findall(r"^ +(\w+) --> ([\w &]+)$", rooms, re.M):
        found |= {(start, end) for end in ends.split(" & ")}
    return found


def test_the_drawing_shows_every_arrow_between_rooms_and_no_other():
    missing, false = imported() - drawn(), drawn() - imported()
    assert not missing, f"draw in {DOCUMENT}: {sorted(missing)}"
    assert not false, f"remove from {DOCUMENT}: {sorted(false)}"


@pytest.mark.parametrize("folder", sorted(FOLDERS))
def test_every_room_is_described(folder):
    assert f"| `{folder}/` |" in path_of(DOCUMENT).read_text("utf-8")


def test_every_module_of_the_processes_is_described():
    assert PROCESSES
    for name in PROCESSES:
        assert f"`{name}`" in path_of(DOCUMENT).read_text("utf-8"), name
