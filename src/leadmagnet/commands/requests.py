"""`leadmagnet requests`: show what waits to be settled or failed, and retry it."""

from __future__ import annotations

import click

from leadmagnet.commands.plumbing import application
from leadmagnet.funnel import requests


@click.group(
    "requests",
    short_help="Show what visitors asked and no worker has settled; retry it.",
    invoke_without_command=True,
)
@click.option("--failures", default=10, show_default=True, help="How many failed ones to list.")
@click.pass_context
def command(context: click.Context, failures: int) -> None:
    """Show how many requests wait for a worker, since when, and which have failed."""
    if context.invoked_subcommand:
        return
    with application() as services:
        found = requests.overview(services, failures=failures)
    since = f", the oldest since {found['oldest']:%F %T}" if found["oldest"] else ""
    click.echo(f"{found['waiting']} waiting{since}; {found['failed']} failed")
    for row in found["failures"]:
        click.echo(f"{row['id']}  {row['kind']}  {row['reason']}  since {row['accepted_at']:%F %T}")


@command.command()
@click.argument("ids", nargs=-1, type=int)
@click.option("--all", "everything", is_flag=True, help="All failed requests.")
def retry(ids: tuple[int, ...], everything: bool) -> None:
    """Let failed requests wait again: those with these ids, or --all."""
    if bool(ids) == everything:
        raise click.UsageError("give the ids of failed requests, or --all")
    with application() as services:
        count = requests.retry(services, None if everything else ids)
    click.echo(f"{count} waiting again")
