"""`leadmagnet mails`: show what waits or failed, retry it, resume sending."""

from __future__ import annotations

import click

from leadmagnet.commands.plumbing import application
from leadmagnet.mail import outbox


@click.group(
    "mails",
    short_help="Show the mails by state; retry or resume them.",
    invoke_without_command=True,
)
@click.option("--troubles", default=10, show_default=True, help="How many of the latest to list.")
@click.pass_context
def command(context: click.Context, troubles: int) -> None:
    """Show the mails by state, whether sending is held up, and the latest troubles."""
    if context.invoked_subcommand:
        return
    with application() as services:
        found = outbox.overview(services, troubles=troubles)
    for row in found["states"]:
        delayed = f", {row['delayed']} after trouble" if row["delayed"] else ""
        click.echo(f"{row['state']:<10}{row['mails']:>8}  oldest {row['oldest']:%F %T}{delayed}")
    gate = found["gate"]
    if gate["pause_reason"]:
        click.echo(f"paused: {gate['pause_reason']}; next try in {gate['shut_for']}")
    elif gate["throttles"]:
        click.echo(f"throttled {gate['throttles']} times in a row; next try in {gate['shut_for']}")
    for row in found["troubles"]:
        click.echo(
            f"{row['id']}  {row['state']}  {row['kind'] or '-'}  {row['reason']}"
            f"  {row['attempts']} attempts  since {row['created_at']:%F %T}"
        )


@command.command()
@click.argument("ids", nargs=-1, type=int)
@click.option("--all", "everything", is_flag=True, help="All dead mails.")
def retry(ids: tuple[int, ...], everything: bool) -> None:
    """Make dead mails due again: those with these ids, or --all."""
    if bool(ids) == everything:
        raise click.UsageError("give the ids of dead mails, or --all")
    with application() as services:
        click.echo(f"{outbox.retry(services, None if everything else ids)} due again")


@command.command()
def resume() -> None:
    """Send again at once, after what paused SES or throttled it was mended."""
    with application() as services:
        click.echo(f"sending is open; {outbox.resume(services)} mails due again")
