"""`leadmagnet erasures`: list who was erased, and erase them again after a restore."""

from __future__ import annotations

from itertools import chain
from typing import IO

import click

from leadmagnet.commands.plumbing import application
from leadmagnet.commands.printing import Group, Progress, json_option, print_json
from leadmagnet.rights import erasures


@click.group("erasures", cls=Group, short_help="List erasures; reapply them after a restore.")
def command() -> None:
    """Who was erased, by random ids; to be done again after a restore."""


@command.command("list")
@json_option
def list_(as_json: bool) -> None:
    """Print every erasure, one a line; keep it where the backups are not."""
    with application() as services:
        if as_json:
            print_json([_document(one) for one in erasures.listed(services)])
            return
        found = False
        for tombstone in erasures.listed(services):
            click.echo(str(tombstone))
            found = True
    if not found:
        # Not into the list, which `reapply` reads.
        click.echo("nobody was erased", err=True)


def _document(one: erasures.Tombstone) -> dict[str, str | None]:
    address_hash = one.address_hash.hex() if one.address_hash else None
    return {"subscriber_id": str(one.subscriber_id), "address_hash": address_hash}


@command.command("reapply")
@click.argument("file", type=click.File(encoding="utf-8"), required=False)
def reapply(file: IO[str] | None) -> None:
    """Repeat the erasures that a restored backup has undone: those in the table, and those in FILE
    (- for stdin), a list that was printed after the backup was made."""
    try:
        given = [erasures.Tombstone.parse(line) for line in file or () if line.strip()]
    except ValueError:
        raise click.ClickException(
            "not a list of erasures: each line is an id, and after an objection a space and 64"
            " hexadecimal digits, as `leadmagnet erasures list` prints them"
        ) from None
    with application() as services:
        every = Progress("looked at").over(chain(erasures.listed(services), given))
        erased = erasures.reapply(services, every)
    click.echo(f"{erased} erased again")
