"""`leadmagnet ledger`: seal the consent events and the audit, verify the chain, print its head."""

from __future__ import annotations

import click

from leadmagnet.commands.plumbing import application, head_option
from leadmagnet.commands.printing import Group, Progress, count
from leadmagnet.consent import kept_head, ledger, seals
from leadmagnet.consent.chain import Head


@click.group("ledger", cls=Group, short_help="Seal and verify the consent events and the audit.")
def command() -> None:
    """The chain over the consent events and the audit: seal, verify, publish its head."""


@command.command("seal")
def seal() -> None:
    """Seal what has settled, as the worker does every ten seconds, however old it is."""
    sealed = 0
    progress = Progress("sealed")
    with application() as services:
        sealer = seals.Sealer(services, reach=seals.EVERYTHING)
        try:
            while batch := sealer.seal():
                sealed += batch
                progress(sealed)
        except seals.SealingRefused as error:
            raise click.ClickException(str(error)) from None
    click.echo(f"{count(sealed, 'row')} sealed" if sealed else "nothing to seal")


@command.command("head")
def head() -> None:
    """Print the end of the chain, to be published or kept elsewhere."""
    with application() as services:
        click.echo(str(seals.head(services)))


@command.command("verify")
@head_option
def verify(published: Head | None) -> None:
    """Name every row that was altered, added or removed; exit code 1 if there is one."""
    with application() as services:
        try:
            report = ledger.verify(
                services, published=published, progress=Progress("seals verified")
            )
        except kept_head.KeptHeadError as error:
            raise click.ClickException(str(error)) from None
        kept_file = services.config.ledger_head_file
    if kept_file and not kept_file.exists() and not published:
        click.echo(
            "Note: LEDGER_HEAD_FILE is not there, so that an end that was cut off does not show:"
            " verify where the worker runs, or with --head",
            err=True,
        )
    for fault in report.faults:
        click.echo(f"Fault: {fault}", err=True)
    counts = (
        f"{count(report.events, 'event')}, {report.erased} more of people who were erased since,"
        f" {count(report.audited, 'row')} of the audit,"
        f" {report.waiting} not sealed yet"
    )
    if report.faults:
        number = count(len(report.faults), "fault")
        raise click.ClickException(f"{number}: {counts}; head {report.head}")
    click.echo(f"intact: {counts}; head {report.head}")
