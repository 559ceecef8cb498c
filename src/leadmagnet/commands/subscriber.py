"""`leadmagnet subscriber`: show, unsubscribe or erase one person."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO
from uuid import UUID

import click

from leadmagnet.addresses import AddressRefused, normalise
from leadmagnet.admin import people
from leadmagnet.admin.audit import OPERATOR
from leadmagnet.commands.plumbing import application
from leadmagnet.commands.printing import Group
from leadmagnet.errors import SubscriberUnknown
from leadmagnet.funnel import subscribers
from leadmagnet.services import Services


@click.group("subscriber", cls=Group, short_help="Show, unsubscribe or erase one person.")
def command() -> None:
    """One person, by ID, by the address in a file, or by the one that is asked for: never by one
    on the command line, which the shell's history and the list of processes would keep."""


def of_one(function: Callable[..., None]) -> Callable[..., None]:
    """The ID, or --address-file, of a person whom `one` finds."""
    function = click.option(
        "--address-file",
        type=click.File(encoding="utf-8"),
        help="Holds the address (- for stdin).",
    )(function)
    return click.argument("subscriber_id", metavar="[ID]", type=click.UUID, required=False)(
        function
    )


@command.command("show")
@of_one
def show(subscriber_id: UUID | None, address_file: IO[str] | None) -> None:
    """Print everything held about the person as JSON: what their own export holds."""
    with one(subscriber_id, address_file) as (services, found):
        held = people.show(services, OPERATOR, found)
    click.echo(json.dumps(held, ensure_ascii=False, indent=2))


@command.command("unsubscribe")
@of_one
def unsubscribe(subscriber_id: UUID | None, address_file: IO[str] | None) -> None:
    """End all mail to the person; the ledger says that an operator did it."""
    with one(subscriber_id, address_file) as (services, found):
        people.unsubscribe(services, OPERATOR, found)
    click.echo(f"{found} gets no more mail")


@command.command("erase")
@of_one
@click.option(
    "--reason",
    required=True,
    type=click.Choice(["person", "operator"]),
    help="Who wants it: the person asked for it, or you do (a test, a mistake).",
)
@click.option("--object", "objects", is_flag=True, help="Also never write to the address again.")
def erase(
    subscriber_id: UUID | None, address_file: IO[str] | None, reason: str, objects: bool
) -> None:
    """Erase everything held about the person, for good; a tombstone without personal data stays."""
    with one(subscriber_id, address_file) as (services, found):
        said = {"person": "person_asked"}.get(reason, reason)
        people.erase(services, OPERATOR, found, reason=said, objects=objects, by=reason)
    click.echo(f"{found} is erased" + (", their address suppressed" if objects else ""))


@contextmanager
def one(subscriber_id: UUID | None, file: IO[str] | None) -> Iterator[tuple[Services, UUID]]:
    """Who is meant; the address is asked for before the database is."""
    email = _address(subscriber_id, file)
    try:
        with application() as services:
            row = subscribers.find(services, subscriber_id=subscriber_id, email=email)
            if row is None:
                raise SubscriberUnknown
            yield services, row["id"]
    except SubscriberUnknown:
        raise click.ClickException("there is no such subscriber") from None


def _address(subscriber_id: UUID | None, file: IO[str] | None) -> str | None:
    if subscriber_id is not None and file:
        raise click.UsageError("give an ID, or --address-file FILE (- for stdin)")
    if subscriber_id is not None:
        return None
    try:
        return normalise((file.read() if file else click.prompt("Address", err=True)).strip())
    except click.Abort:
        raise click.UsageError("give an ID, or --address-file FILE (- for stdin)") from None
    except (AddressRefused, UnicodeDecodeError):
        raise click.UsageError("this is no e-mail address") from None
