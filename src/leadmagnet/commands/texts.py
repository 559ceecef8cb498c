"""The operators' commands that change what is offered and what is kept: texts, purge."""

from __future__ import annotations

from collections import Counter
from typing import IO

import click

from leadmagnet.commands.plumbing import application, file_argument, owner


@click.command()
@click.option("--dry-run", is_flag=True, help="Only say what would be deleted.")
def purge(dry_run: bool) -> None:
    """Delete what is past its time, as the worker does every day."""
    from leadmagnet.rights import retention

    found: Counter[str] = Counter()
    with application() as (database, config):
        for batch in retention.purge(database, config, dry_run=dry_run):
            found[batch.rule] += batch.found
            if batch.found == retention.BATCH:
                click.echo(f"… {found[batch.rule]} {batch.rule}", err=True)
        for rule in retention.rules(config):
            past = f"older than {rule.age.days} days"
            click.echo(
                f"{rule.name} {past}: {found[rule.name]} {'found' if dry_run else 'deleted'}"
            )


@click.group()
def texts() -> None:
    """The consent texts, by the owner's connection (MIGRATION_DATABASE_URL)."""


@texts.command("list")
def texts_list() -> None:
    """Print every wording, current and retired."""
    from leadmagnet.consent import texts

    with owner() as database:
        for text in texts.listed(database):
            retired = text["retired_at"]
            state = f"retired {retired:%Y-%m-%d %H:%M} UTC" if retired else "current"
            click.echo(f"{text['id']}  {state}  policy {text['policy_version']}")
            click.echo(f"    {text['text']}")


@texts.command("add")
@click.option("--magnet", required=True, help="Its slug.")
@click.option("--purpose", required=True, type=click.Choice(["delivery", "newsletter"]))
@click.option("--locale", required=True, type=click.Choice(["fr", "en"]))
@click.option("--policy-version", required=True)
@click.option("--policy-url", required=True)
@file_argument
def texts_add(file: IO[bytes], **given: str) -> None:
    """Add the wording in FILE (- for stdin); it takes the place of the current one, which pages
    that are open may still send for TEXT_GRACE_HOURS."""
    from leadmagnet.consent import texts

    try:
        wording = file.read().decode("utf-8").strip()
    except UnicodeDecodeError:
        raise click.ClickException("a wording is written in UTF-8") from None
    if not wording or "\n" in wording:
        raise click.ClickException("a wording is one line, and not empty")
    if not given["policy_url"].startswith(("http://", "https://")):
        raise click.BadParameter("must be an http(s) address", param_hint="--policy-url")
    try:
        with owner() as database:
            added, replaced = texts.add(database, text=wording, **given)
    except texts.TextError as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"added {added}" + (f", retired {replaced}" if replaced else ""))


@texts.command("retire")
@click.argument("text_id")
def texts_retire(text_id: str) -> None:
    """Take a wording off the pages without another in its place."""
    from leadmagnet.consent import texts

    try:
        with owner() as database:
            texts.retire(database, text_id)
    except texts.TextError as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"retired {text_id}")


GROUPS: tuple[click.Command, ...] = (purge, texts)
