"""`leadmagnet ledger`: seal the consent events, verify the chain, print its head."""

from __future__ import annotations

import click

from leadmagnet.commands.plumbing import application
from leadmagnet.consent import ledger


@click.group("ledger", short_help="Seal and verify the consent events.")
def command() -> None:
    """The chain over the consent events: seal, verify, publish its head."""


@command.command("seal")
def seal() -> None:
    """Seal what has settled, as the worker does every ten seconds."""
    sealed = 0
    with application() as services:
        while batch := ledger.seal(services):
            sealed += batch
    click.echo(f"{sealed} sealed")


@command.command("head")
def head() -> None:
    """Print the end of the chain, to be published or kept elsewhere."""
    with application() as services:
        click.echo(str(ledger.head(services)))


@command.command("verify")
@click.option("--head", "known", help="A head of before: the chain must still pass through it.")
def verify(known: str | None) -> None:
    """Name the first row that was altered, added or removed; exit code 1 if there is one."""
    pinned = None
    if known:
        position, _, link = known.partition(":")
        if not position.isdecimal() or len(link) < 32:
            raise click.BadParameter("must be POSITION:LINK, as `leadmagnet ledger head` prints it")
        pinned = (int(position), link.lower())
    with application() as services:
        report = ledger.verify(services, known=pinned)
    if report.fault:
        raise click.ClickException(report.fault)
    click.echo(
        f"intact: {report.events} events, {report.erased} erased, {report.waiting} not sealed yet;"
        f" head {report.head}"
    )
