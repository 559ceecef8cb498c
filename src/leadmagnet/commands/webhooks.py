"""`leadmagnet webhooks`: who else is told of what happens, and what became of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import click

from leadmagnet.adapters.endpoints import EndpointRefused
from leadmagnet.admin import webhooks
from leadmagnet.admin.audit import OPERATOR
from leadmagnet.commands.plumbing import application
from leadmagnet.commands.printing import Group, json_option, moment, print_json, print_table
from leadmagnet.services import Services
from leadmagnet.webhooks import endpoints, events


@click.group("webhooks", cls=Group, short_help="Tell other systems; list, rotate, replay.")
def command() -> None:
    """The endpoints that are told of what happens, signed as Standard Webhooks say."""


@contextmanager
def _acting() -> Iterator[Services]:
    try:
        with application() as services:
            yield services
    except (endpoints.WebhookRefused, EndpointRefused) as error:
        raise click.ClickException(str(error)) from None


def _name(_: click.Context, __: click.Parameter, value: str) -> str:
    if not re.fullmatch("[a-z0-9]+(-[a-z0-9]+)*", value) or len(value) > 50:
        raise click.BadParameter("must be like crm or mailing-tool-2")
    return value


name_argument = click.argument("name", callback=_name)


@command.command("add")
@name_argument
@click.argument("url")
@click.option(
    "--event",
    "kinds",
    multiple=True,
    type=click.Choice(endpoints.KINDS),
    help="A kind of event, repeatable. Default: all. An erasure is always told.",
)
@click.option(
    "--include",
    type=click.Choice(["email"]),
    help="Send the address, too, of people who have confirmed it.",
)
def add(name: str, url: str, kinds: tuple[str, ...], include: str | None) -> None:
    """Tell the endpoint NAME at URL, and print its secret, this one time."""
    with _acting() as services:
        webhooks.add(
            services,
            OPERATOR,
            name=name,
            url=url,
            events=list(kinds or endpoints.KINDS),
            include_email=include == "email",
            show=lambda secret: click.echo(secret.text),
        )
    click.echo(f"{name} is told from now on; `leadmagnet webhooks ping {name}` tries it", err=True)


@command.command("list")
@json_option
def list_(as_json: bool) -> None:
    """Print every endpoint, with what waits for it and what was given up."""
    with _acting() as services:
        rows = endpoints.listed(services)
    if as_json:
        print_json(rows)
        return
    cells = [
        (
            row["name"],
            f"disabled ({row['disabled_why']})"
            if row["disabled_at"]
            else ("failing" if row["failing_since"] else "enabled"),
            row["queued"],
            row["dead"],
            "yes" if row["include_email"] else "no",
            "all" if set(row["kinds"]) == set(endpoints.KINDS) else ", ".join(row["kinds"]),
        )
        for row in rows
    ]
    headers = ("NAME", "STATE", "WAITING", "GIVEN UP", "ADDRESSES", "EVENTS")
    print_table(headers, cells, empty="no endpoints yet")


@command.command("rotate")
@name_argument
def rotate(name: str) -> None:
    """Print a new secret; the former one signs beside it for a day."""
    with _acting() as services:
        secret = webhooks.rotate(
            services, OPERATOR, name, show=lambda secret: click.echo(secret.text)
        )
    click.echo(f"the former secret signs as well until {moment(secret.former_until)}", err=True)


@command.command("disable")
@name_argument
def disable(name: str) -> None:
    """Tell an endpoint nothing; what already waits for it stays."""
    with _acting() as services:
        webhooks.disable(services, OPERATOR, name)
    click.echo(f"{name} is disabled")


@command.command("enable")
@name_argument
def enable(name: str) -> None:
    """Tell a disabled endpoint again, at once also what has waited."""
    with _acting() as services:
        webhooks.enable(services, OPERATOR, name)
    click.echo(f"{name} is enabled")


@command.command("deliveries")
@click.argument("name", required=False)
@click.option("--state", type=click.Choice(events.STATES))
@click.option("--subscriber", type=click.UUID, metavar="ID", help="About one person.")
@click.option("--erasures", is_flag=True, help="Only erasures.")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 1000))
@json_option
def deliveries(name: str | None, subscriber: UUID | None, as_json: bool, **chosen: Any) -> None:
    """Print the newest events, of one endpoint or of all."""
    with _acting() as services:
        rows = events.page(services, endpoint=name, subscriber_id=subscriber, **chosen)
        if name and not rows:
            endpoints.require(services, name)
    if as_json:
        print_json(rows)
        return
    cells = [
        (
            *(row["id"], moment(row["occurred_at"]), row["endpoint"], row["kind"]),
            *(row["state"], row["attempts"], row["reason"] or "-"),
        )
        for row in rows
    ]
    headers = ("ID", "HAPPENED", "ENDPOINT", "EVENT", "STATE", "ATTEMPTS", "REASON")
    print_table(headers, cells, empty="no events")


@command.command("replay")
@click.argument("event_id", required=False, type=click.UUID)
@click.option("--dead", "endpoint", metavar="NAME", help="All that were given up for an endpoint.")
def replay(event_id: UUID | None, endpoint: str | None) -> None:
    """Send an event again, with its id, or all that were given up for an endpoint."""
    count = 1
    with _acting() as services:
        if event_id and not endpoint:
            webhooks.replay(services, OPERATOR, event_id)
        elif endpoint and not event_id:
            count = webhooks.replay_dead(services, OPERATOR, endpoint)
        else:
            raise click.UsageError("give the id of an event, or --dead NAME")
    click.echo("1 event is due again" if count == 1 else f"{count} events are due again")


@command.command("ping")
@name_argument
def ping(name: str) -> None:
    """Queue a test event; `leadmagnet webhooks deliveries NAME` shows what became of it."""
    with _acting() as services:
        event_id = webhooks.ping(services, OPERATOR, name)
    click.echo(str(event_id))
