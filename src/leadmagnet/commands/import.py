"""`leadmagnet import`: move in where another system kept the list before."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

import click
import psycopg

from leadmagnet.commands.plumbing import application, head_option
from leadmagnet.commands.printing import Group, Progress, count
from leadmagnet.config import Config, MigrationConfig
from leadmagnet.consent import kept_head, ledger
from leadmagnet.consent.chain import Head
from leadmagnet.database.reasons import why
from leadmagnet.moving import asides, checks, imports
from leadmagnet.moving.steps import MovingError


@click.group("import", cls=Group, short_help="Move in where another system kept the list.")
def command() -> None:
    """Move in where another system kept the list; docs/moving-in.md has the order of the day."""


@command.group("prospectflow")
def prospectflow() -> None:
    """Where ProspectFlow's lead magnet lived; by the owner's MIGRATION_DATABASE_URL."""


@prospectflow.command("aside")
@click.option("--sql", is_flag=True, help="Only print it, as a file for a Flyway pipeline.")
def aside(sql: bool) -> None:
    """Rename its three tables to lm_old_* and revoke everybody's rights on them."""
    if sql:
        click.echo(asides.script())
        return
    with _owner() as url:
        changed = asides.set_aside(url)
    done = "set aside" if changed else "are aside already"
    click.echo(f"the three tables {done}; next: leadmagnet migrate")


@prospectflow.command("run")
@click.option("--magnet", required=True, help="The slug of the magnet that their links lead to.")
@click.option("--locale", type=click.Choice(["fr", "en"]), default="fr", show_default=True)
@click.option("--policy-url", help="Where its privacy policy was; else that of the magnet's texts.")
@click.option(
    "--newsletter",
    is_flag=True,
    help="Count their consent for the newsletter, too: your decision, kept in the ledger.",
)
@click.option("--dry-run", is_flag=True, help="Do it all and take it back.")
@click.option("--report", type=click.File("w", encoding="utf-8"), help="A line for each person.")
def run(report: IO[str] | None, **chosen: str | bool) -> None:
    """Import people, links and proofs in one transaction. Sends nothing; can be repeated."""
    choices = imports.Choices(**chosen)  # type: ignore[arg-type]
    policy_url = choices.policy_url
    if policy_url and not policy_url.startswith(("http://", "https://")):
        raise click.BadParameter("must be an http(s) address", param_hint="--policy-url")
    config = Config.load()
    with _owner() as url:
        result = imports.import_all(
            url, config, choices, report=report, say=lambda step: click.echo(step, err=True)
        )
    for row in result.outcomes:
        problem = f" ({row['problem']})" if row["problem"] else ""
        click.echo(f"{row['people']} {row['outcome']}{problem}")
    left = result.links_left
    click.echo(f"{count(left['links'], 'link')} not taken over; {left['live']} still worked")
    click.echo(
        "nothing was changed: a dry run"
        if choices.dry_run
        else "next: leadmagnet ledger seal, then leadmagnet import prospectflow check"
    )


@prospectflow.command("check")
@head_option
def check(published: Head | None) -> None:
    """Compare the old tables with ours, and verify the ledger; exit code 1 where they differ."""
    _checked(published)


@prospectflow.command("back")
@click.option("--role", required=True, help="Its application's role, which gets its rights again.")
def back(role: str) -> None:
    """Undo the move: delete our tables, rename the old ones back. Only before anybody acts here."""
    with _owner() as url:
        asides.go_back(url, role, rehearsal=True)
        click.confirm("Delete all of our tables for good, and go back to the old ones?", abort=True)
        asides.go_back(url, role)
    click.echo("the old tables are in place; start the old system")


@prospectflow.command("drop")
@head_option
def drop(published: Head | None) -> None:
    """Check, ask, and delete the old tables for good."""
    comparison = _checked(published)
    click.confirm(
        f"Delete lm_old_subscribers, lm_old_consent_events and lm_old_download_tokens for good?"
        f" {comparison.not_here} people in them are not here.",
        abort=True,
    )
    with _owner() as url:
        asides.drop(url)
    click.echo("deleted")


def _checked(published: Head | None) -> checks.Comparison:
    with _owner() as url:
        comparison = checks.compare(url)
    for row in comparison.states:
        merged = ", merged" if row["merged"] else ""
        click.echo(f"{row['people']} {row['former']} -> {row['present'] or 'not here'}{merged}")
    click.echo(f"links that still work: {comparison.links}, {comparison.links_known} of them here")
    with application() as services:
        try:
            report = ledger.verify(
                services, published=published, progress=Progress("seals verified")
            )
        except kept_head.KeptHeadError as error:
            raise click.ClickException(str(error)) from None
    click.echo(f"ledger: {count(report.events, 'event')} sealed, {report.waiting} not sealed yet")
    faults = [f"Fault: {fault}" for fault in report.faults]
    if not comparison.imported:
        faults.append("nobody was imported: leadmagnet import prospectflow run")
    if comparison.links_known < comparison.links:
        faults.append("links that still work are not known here: import again, or see its report")
    if report.waiting:
        faults.append("events are not sealed: leadmagnet ledger seal")
    if faults:
        raise click.ClickException("\n".join(faults))
    return comparison


@contextmanager
def _owner() -> Iterator[str]:
    try:
        yield MigrationConfig.load().migration_database_url
    except MovingError as error:
        raise click.ClickException(str(error)) from None
    except psycopg.Error as error:
        sentence = why(error, setting="MIGRATION_DATABASE_URL").sentence
        raise click.ClickException(sentence) from None
