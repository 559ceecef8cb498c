"""`leadmagnet erasures`: list who was erased, and erase them again after a restore."""

from __future__ import annotations

from itertools import chain
from typing import IO

import click

from leadmagnet.commands.plumbing import application
from leadmagnet.rights import erasures


@click.group("erasures", short_help="List erasures; reapply them after a restore.")
def command() -> None:
    """Who was erased, by random ids; to be done again after a restore."""


@command.command("list")
def list_() -> None:
    """Print every erasure, one a line; keep it where the backups are not."""
    with application() as services:
        for tombstone in erasures.listed(services):
            click.echo(str(tombstone))


@command.command("reapply")
@click.argument("file", type=click.File(encoding="utf-8"), required=False)
def reapply(file: IO[str] | None) -> None:
    """Repeat the erasures that a restored backup has undone: those in the table, and those in FILE
    (- for stdin), a list that was printed after the backup was made."""
    try:
        given = [erasures.Tombstone.parse(line) for line in file or () if line.strip()]
    except ValueError as error:
        raise click.ClickException(f"not a list of erasures: {error}") from None
    with application() as services:
        erased = erasures.reapply(services, chain(erasures.listed(services), given))
    click.echo(f"{erased} erased again")
