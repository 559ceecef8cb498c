"""How the commands print: whole summaries, tables with headers, JSON, times, progress."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeVar

import click

PROGRESS_SECONDS = 1
Item = TypeVar("Item")

json_option = click.option("--json", "as_json", is_flag=True, help="JSON, for a program.")


class Group(click.Group):
    """Its help shows each command's first sentence whole, where click's cuts it."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        commands = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        with formatter.section("Commands"):
            formatter.write_dl(
                [(name, one.get_short_help_str(limit=1000)) for name, one in commands if one]
            )


def print_json(document: Any) -> None:
    click.echo(json.dumps(document, ensure_ascii=False, indent=2, default=_plain))


def print_table(headers: Sequence[str], rows: Iterable[Sequence[object]], *, empty: str) -> None:
    """Columns as wide as their widest cell; without rows, the sentence instead."""
    cells = [[str(cell) for cell in row] for row in rows]
    if not cells:
        click.echo(empty)
        return
    table = [list(headers), *cells]
    widths = [max(len(cell) for cell in column) for column in zip(*table, strict=True)]
    for row in table:
        padded = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        click.echo("  ".join(padded).rstrip())


def human(duration: timedelta) -> str:
    """The two largest units: 4 min 57 s."""
    seconds = round(duration.total_seconds())
    units = {"d": seconds // 86_400, "h": seconds // 3600 % 24, "min": seconds // 60 % 60}
    parts = [f"{number} {unit}" for unit, number in units.items() if number]
    return " ".join([*parts, f"{seconds % 60} s"][:2])


def day(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d}" if moment else "-"


class Progress:
    """Says on stderr how far a command has come, once a second if it takes longer than that."""

    def __init__(self, what: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._what = what
        self._clock = clock
        self._due = clock() + PROGRESS_SECONDS

    def __call__(self, count: int) -> None:
        if self._clock() >= self._due:
            click.echo(f"… {count} {self._what}", err=True)
            self._due = self._clock() + PROGRESS_SECONDS

    def over(self, items: Iterable[Item]) -> Iterator[Item]:
        for count, item in enumerate(items, start=1):
            yield item
            self(count)


def _plain(value: object) -> object:
    if isinstance(value, timedelta):
        return value.total_seconds()
    return value.isoformat() if isinstance(value, datetime) else str(value)
