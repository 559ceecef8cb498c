"""`leadmagnet texts`: list, add and retire the consent texts."""

from __future__ import annotations

from typing import IO

import click

from leadmagnet.commands.plumbing import file_argument, owner
from leadmagnet.consent import texts


@click.group("texts", short_help="List, add and retire consent texts.")
def command() -> None:
    """The consent texts, by the owner's connection (MIGRATION_DATABASE_URL)."""


@command.command("list")
def list_() -> None:
    """Print every text, current and retired."""
    with owner() as database:
        for text in texts.listed(database):
            retired = text["retired_at"]
            state = f"retired {retired:%Y-%m-%d %H:%M} UTC" if retired else "current"
            click.echo(f"{text['id']}  {state}  policy {text['policy_version']}")
            click.echo(f"    {text['text']}")


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
    if not new_text or "\n" in new_text:
        raise click.ClickException("the text must be one line, and not empty")
    if not given["policy_url"].startswith(("http://", "https://")):
        raise click.BadParameter("must be an http(s) address", param_hint="--policy-url")
    try:
        with owner() as database:
            added, replaced = texts.add(database, text=new_text, **given)
    except texts.TextError as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"added {added}" + (f", retired {replaced}" if replaced else ""))


@command.command("retire")
@click.argument("text_id")
def retire(text_id: str) -> None:
    """Take a text off the pages without another in its place."""
    try:
        with owner() as database:
            texts.retire(database, text_id)
    except texts.TextError as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"retired {text_id}")
