"""How the commands print: whole summaries, tables with headers, JSON, times, progress."""

from __future__ import annotations

import json
import shutil
import sys
import textwrap
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import click

PROGRESS_SECONDS = 1
# What is narrower than this is not read any better for being broken into lines.
LEAST_COLUMNS = 20
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
    """Columns as wide as their widest cell, the last one broken where a terminal ends; without
    rows, the sentence instead."""
    cells = [[str(cell) for cell in row] for row in rows]
    if not cells:
        click.echo(empty)
        return
    table = [list(headers), *cells]
    widths = [max(len(cell) for cell in column) for column in zip(*table, strict=True)]
    indent = sum(widths[:-1]) + 2 * len(widths[:-1])
    for *firsts, last in table:
        padded = "".join(f"{cell:<{width}}  " for cell, width in zip(firsts, widths, strict=False))
        click.echo((padded + hanging(last, indent)).rstrip())


def hanging(text: str, indent: int) -> str:
    """The text in lines that end where the terminal does and begin below its own beginning."""
    room = columns() - indent
    if room < LEAST_COLUMNS:
        return text
    # What is pasted is not broken: ids, hashes, commands without spaces.
    lines = textwrap.wrap(text, room, break_long_words=False, break_on_hyphens=False)
    return f"\n{' ' * indent}".join(lines)


def columns() -> int:
    """Of the terminal; 0 where nobody looks, but a file or a program."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else 0


def count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def human(duration: timedelta) -> str:
    """The largest units, two at most: 4 min 57 s, 17 min."""
    seconds = round(duration.total_seconds())
    units = {
        "d": seconds // 86_400,
        "h": seconds // 3600 % 24,
        "min": seconds // 60 % 60,
        "s": seconds % 60,
    }
    parts = [f"{number} {unit}" for unit, number in units.items() if number]
    return " ".join(parts[:2]) or "0 s"


def ago(age: timedelta) -> str:
    return f"{human(age)} ago" if age >= timedelta(seconds=1) else "just now"


def moment(at: datetime | None) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if at else "-"


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
