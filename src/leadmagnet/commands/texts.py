"""`leadmagnet texts`: list, add and retire the consent texts."""

from __future__ import annotations

from typing import IO

import click

from leadmagnet.admin import magnets
from leadmagnet.admin.audit import OPERATOR
from leadmagnet.commands.plumbing import file_argument, owner, refusing
from leadmagnet.commands.printing import Group, day, json_option, print_json, print_table
from leadmagnet.consent import texts


@click.group("texts", cls=Group, short_help="List, add and retire consent texts.")
def command() -> None:
    """The consent texts, by the owner's connection (MIGRATION_DATABASE_URL)."""


@command.command("list")
@json_option
def list_(as_json: bool) -> None:
    """Print every text, current and retired."""
    with owner() as database:
        found = texts.listed(database)
    if as_json:
        print_json(found)
        return
    print_table(
        ("ID", "RETIRED", "POLICY", "TEXT"),
        [(one["id"], day(one["retired_at"]), one["policy_version"], one["text"]) for one in found],
        empty="no texts: add one with `leadmagnet texts add`",
    )


@command.command("add")
@click.option("--magnet", required=True, help="Its slug.")
@click.option("--purpose", required=True, type=click.Choice(["delivery", "newsletter"]))
@click.option("--locale", required=True, type=click.Choice(["fr", "en"]))
@click.option("--policy-version", required=True)
@click.option("--policy-url", required=True)
@file_argument
def add(file: IO[bytes], **given: str) -> None:
    """Add the text in FILE (- for stdin); it takes the place of the current one, which pages
    that are open may still send for TEXT_GRACE_HOURS."""
    try:
        new_text = file.read().decode("utf-8").strip()
    except UnicodeDecodeError:
        raise click.ClickException("the text must be UTF-8") from None
    with owner() as database, refusing():
        added, replaced = magnets.add_text(database, OPERATOR, text=new_text, **given)
    click.echo(f"added {added}" + (f", retired {replaced}" if replaced else ""))


@command.command("retire")
@click.argument("text_id")
def retire(text_id: str) -> None:
    """Take a text off the pages without another in its place."""
    with owner() as database, refusing():
        magnets.retire_text(database, OPERATOR, text_id)
    click.echo(f"retired {text_id}")
