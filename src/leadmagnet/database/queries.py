"""The named queries of sql/queries, read once from their files."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple


class Query(NamedTuple):
    """A statement as PREPARE takes it, with $1, $2, …; and the names of these parameters.

    `by_owner` where the block says `-- role: owner`: the application's role has no right to it.
    """

    text: str
    parameters: tuple[str, ...]
    by_owner: bool = False


def sql_directory() -> Path:
    """The folder with `migrations` and `queries`: inside an installed wheel, else the source's."""
    packaged = Path(str(files("leadmagnet"))) / "_sql"
    return packaged if packaged.is_dir() else Path(__file__).resolve().parents[3] / "sql"


@cache
def queries() -> dict[str, Query]:
    """Every query of sql/queries by name. Raises ValueError when a name is there twice."""
    found: dict[str, Query] = {}
    for path in sorted((sql_directory() / "queries").glob("*.sql")):
        for name, query in named(path):
            if name in found:
                raise ValueError(f"{path.name}: query {name} is defined twice")
            found[name] = query
    return found


def named(path: Path) -> Iterator[tuple[str, Query]]:
    """The queries of one file."""
    yield from _named(path.read_text(encoding="utf-8"))


def _named(text: str) -> Iterator[tuple[str, Query]]:
    for block in re.split(r"^-- name: ", text, flags=re.M)[1:]:
        name, _, body = block.partition("\n")
        lines = [line for line in body.splitlines() if not line.lstrip().startswith("--")]
        by_owner = "-- role: owner" in body.splitlines()
        yield name.strip(), _numbered("\n".join(lines).strip().rstrip(";"), by_owner=by_owner)


def _numbered(body: str, *, by_owner: bool) -> Query:
    # psycopg would convert the names at each execution: a tenth of a signup's time.
    order = list(dict.fromkeys(re.findall(r"%\((\w+)\)s", body)))
    text = re.sub(r"%\((\w+)\)s", lambda found: f"${order.index(found[1]) + 1}", body)
    return Query(text.replace("%%", "%"), tuple(order), by_owner)
