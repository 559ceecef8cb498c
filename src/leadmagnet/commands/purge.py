"""`leadmagnet purge`: delete what has reached its retention period."""

from __future__ import annotations

from collections import Counter

import click

from leadmagnet.commands.plumbing import application
from leadmagnet.rights import retention


@click.command("purge")
@click.option("--dry-run", is_flag=True, help="Only say what would be deleted.")
def command(dry_run: bool) -> None:
    """Delete what is past its time, as the worker does; .env.example explains the days."""
    found: Counter[str] = Counter()
    with application() as services:
        for batch in retention.purge(services, dry_run=dry_run):
            found[batch.rule] += batch.found
            if batch.found == retention.BATCH:
                click.echo(f"… {found[batch.rule]} {_words(batch.rule)}", err=True)
        for rule in retention.rules(services.config):
            done = "found" if dry_run else "deleted"
            click.echo(f"{_words(rule.name)}, {rule.age.days} days: {found[rule.name]} {done}")


def _words(name: str) -> str:
    return name.replace("_", " ")
