"""`leadmagnet erasures`: list who was erased and who was told, and erase again after a restore."""

from __future__ import annotations

from collections import Counter
from itertools import chain
from typing import IO

import click

from leadmagnet.admin import audit
from leadmagnet.admin.audit import OPERATOR
from leadmagnet.commands.plumbing import application
from leadmagnet.commands.printing import Group, Progress, json_option, print_json
from leadmagnet.database import Row
from leadmagnet.rights import erasures

# A comment, which `reapply` passes over, as it does what stands behind each line.
HEADER = "# ID, then the hash of the address after an objection  # endpoints that were told"


@click.group("erasures", cls=Group, short_help="List erasures; reapply them after a restore.")
def command() -> None:
    """Who was erased, by random ids; to be done again after a restore."""


@command.command("list")
@json_option
def list_(as_json: bool) -> None:
    """Print every erasure, one a line, and how many endpoints of webhooks were told of it; keep it
    where the backups are not."""
    with application() as services:
        if as_json:
            print_json([_document(one) for one in erasures.listed(services)])
            return
        found = False
        for one in erasures.listed(services):
            if not found:
                click.echo(HEADER)
            click.echo(f"{erasures.Tombstone.of(one)}{_told(one['told'])}")
            found = True
    if not found:
        # Not into the list, which `reapply` reads.
        click.echo("nobody was erased", err=True)


def _document(one: Row) -> Row:
    address_hash = one["address_hash"].hex() if one["address_hash"] else None
    names = ("subscriber_id", "erased_at", "erased_by", "told")
    return {name: one[name] for name in names} | {"address_hash": address_hash}


def _told(told: list[Row]) -> str:
    states = Counter(each["state"] for each in told)
    words = [f"{states[state]} {state.replace('_', ' ')}" for state in sorted(states)]
    return f"  # told {len(told)}: {', '.join(words)}" if told else ""


@command.command("reapply")
@click.argument("file", type=click.File(encoding="utf-8"), required=False)
def reapply(file: IO[str] | None) -> None:
    """Repeat the erasures that a restored backup has undone: those in the table, and those in FILE
    (- for stdin), a list that was printed after the backup was made."""
    try:
        given = [
            erasures.Tombstone.parse(line) for line in file or () if line.partition("#")[0].strip()
        ]
    except ValueError:
        raise click.ClickException(
            "not a list of erasures: each line is an id, and after an objection a space and 64"
            " hexadecimal digits, as `leadmagnet erasures list` prints them"
        ) from None
    with application() as services:
        known = map(erasures.Tombstone.of, erasures.listed(services))
        every = Progress("looked at").over(chain(known, given))
        erased = erasures.reapply(services, every)
        audit.record(services.database, OPERATOR, "erasures:reapply", detail={"erased": erased})
    click.echo(f"{erased} erased again")
