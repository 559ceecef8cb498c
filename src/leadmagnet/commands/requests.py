"""`leadmagnet requests`: show what waits to be settled or failed, and retry it."""

from __future__ import annotations

import click

from leadmagnet.admin import audit
from leadmagnet.admin.audit import OPERATOR
from leadmagnet.commands.plumbing import ROW_ID, ROWS, application
from leadmagnet.commands.printing import Group, ago, human, json_option, print_json, print_table
from leadmagnet.database import Row
from leadmagnet.funnel import requests


@click.group(
    "requests",
    cls=Group,
    short_help="Show what visitors asked and no worker has settled; retry it.",
    invoke_without_command=True,
)
@click.option("--failures", type=ROWS, default=10, show_default=True, help="How many to list.")
@json_option
@click.pass_context
def command(context: click.Context, failures: int, as_json: bool) -> None:
    """Show how many requests wait for a worker, since when, and which have failed.

    Ends with 1 when a request has failed.
    """
    if context.invoked_subcommand:
        return
    with application() as services:
        found = requests.overview(services, failures=failures)
    if as_json:
        print_json(found)
    else:
        _print(found)
    context.exit(1 if found["failed"] else 0)


def _print(found: Row) -> None:
    since = f", the oldest for {human(found['age'])}" if found["age"] else ""
    click.echo(f"{found['waiting'] or 'nothing'} waiting{since}; {found['failed']} failed")
    if found["failures"]:
        click.echo()
        rows = [
            (row["id"], row["kind"], ago(row["age"]), row["reason"]) for row in found["failures"]
        ]
        print_table(("ID", "KIND", "ACCEPTED", "REASON"), rows, empty="")


@command.command()
@click.argument("ids", nargs=-1, type=ROW_ID)
@click.option("--all", "everything", is_flag=True, help="All failed requests.")
def retry(ids: tuple[int, ...], everything: bool) -> None:
    """Let failed requests wait again: those with these ids, or --all."""
    if bool(ids) == everything:
        raise click.UsageError("give the ids of failed requests, or --all")
    with application() as services, audit.acting(services, OPERATOR, "requests:retry") as act:
        count = requests.retry(act.services, None if everything else ids)
        act.detail.update(requests=count)
    if count or everything:
        click.echo("1 request waits again" if count == 1 else f"{count} requests wait again")
    if ids and count < len(set(ids)):
        which = "the others have not" if count else "none of them has"
        raise click.ClickException(f"{which} failed: `leadmagnet requests` lists those that have")
