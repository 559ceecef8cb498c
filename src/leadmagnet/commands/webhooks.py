"""`leadmagnet webhooks`: who else is told of what happens, and what became of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

import click

from leadmagnet.adapters.endpoints import EndpointRefused
from leadmagnet.admin import audit
from leadmagnet.commands.plumbing import application
from leadmagnet.commands.printing import Group
from leadmagnet.services import Services
from leadmagnet.webhooks import endpoints, events

LIST = ("name", "url", "kinds", "include_email", "queued", "dead", "disabled_why")


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


@contextmanager
def _noted(act: str, endpoint: str, **detail: object) -> Iterator[Services]:
    """What is done, and its row in the audit of the admin API."""
    with (
        _acting() as services,
        audit.acting(services, audit.OPERATOR, "webhooks:manage") as noted,
    ):
        noted.detail.update(act=act, endpoint=endpoint, **detail)
        yield noted.services


def _name(_: click.Context, __: click.Parameter, value: str) -> str:
    words = value.split("-")
    if not all(w.isascii() and w.isalnum() and w.islower() for w in words) or len(value) > 50:
        raise click.BadParameter("must be like crm or mailing-tool")
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
    include_email = include == "email"
    with _noted("add", name, includeEmail=include_email) as services:
        secret = endpoints.add(
            services,
            name=name,
            url=url,
            kinds=kinds or endpoints.KINDS,
            include_email=include_email,
        )
    click.echo(f"{name} is told from now on; `leadmagnet webhooks ping {name}` tries it", err=True)
    click.echo(secret.text)


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="All of it as JSON, for a program.")
def list_(as_json: bool) -> None:
    """Print every endpoint, with what waits for it and what was given up."""
    with _acting() as services:
        rows = endpoints.listed(services)
    if as_json:
        click.echo(json.dumps([{key: row[key] for key in LIST} for row in rows], indent=2))
        return
    if not rows:
        click.echo("no endpoints yet")
        return
    click.echo(f"{'NAME':<20}{'STATE':<22}{'WAITING':>8}{'GIVEN UP':>10}  ADDRESSES  EVENTS")
    for row in rows:
        state = "failing" if row["failing_since"] else "enabled"
        if row["disabled_at"]:
            state = f"disabled ({row['disabled_why']})"
        addresses = "yes" if row["include_email"] else "no"
        kinds = "all" if set(row["kinds"]) == set(endpoints.KINDS) else ", ".join(row["kinds"])
        click.echo(
            f"{row['name']:<20}{state:<22}{row['queued']:>8}{row['dead']:>10}"
            f"  {addresses:<9}  {kinds}"
        )


@command.command("rotate")
@name_argument
def rotate(name: str) -> None:
    """Print a new secret; the former one signs beside it for a day."""
    with _noted("rotate", name) as services:
        secret = endpoints.rotate(services, name)
    click.echo(
        f"the former secret signs as well until {secret.former_until:%Y-%m-%d %H:%M} UTC", err=True
    )
    click.echo(secret.text)


@command.command("disable")
@name_argument
def disable(name: str) -> None:
    """Tell an endpoint nothing; what already waits for it stays."""
    with _noted("disable", name) as services:
        endpoints.disable(services, name)
    click.echo(f"{name} is disabled")


@command.command("enable")
@name_argument
def enable(name: str) -> None:
    """Tell a disabled endpoint again, at once also what has waited."""
    with _noted("enable", name) as services:
        endpoints.enable(services, name)
    click.echo(f"{name} is enabled")


@command.command("deliveries")
@click.argument("name", required=False)
@click.option("--state", type=click.Choice(["queued", "delivered", "dead"]))
@click.option("--erasures", is_flag=True, help="Only who was told of an erasure.")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 1000))
def deliveries(name: str | None, state: str | None, erasures: bool, limit: int) -> None:
    """Print the newest events, of one endpoint or of all."""
    with _acting() as services:
        rows = events.page(services, limit=limit, endpoint=name, state=state, erasures=erasures)
    if not rows:
        click.echo("no events")
        return
    click.echo(f"{'ID':<38}{'ENDPOINT':<20}{'EVENT':<32}{'STATE':<11}{'ATTEMPTS':<10}REASON")
    for row in rows:
        click.echo(
            f"{row['id']!s:<38}{row['endpoint']:<20}{row['kind']:<32}{row['state']:<11}"
            f"{row['attempts']:<10}{row['reason'] or '-'}"
        )


@command.command("replay")
@click.argument("event_id", required=False, type=click.UUID)
@click.option("--dead", "endpoint", metavar="NAME", help="All that were given up for an endpoint.")
def replay(event_id: UUID | None, endpoint: str | None) -> None:
    """Send an event again, with its id, or all that were given up for an endpoint."""
    if (event_id is None) == (endpoint is None):
        raise click.UsageError("give the id of an event, or --dead NAME")
    with _acting() as services:
        count = events.replay(services, event_id=event_id, endpoint=endpoint)
    if not count:
        raise click.ClickException(
            "nothing to send again: `leadmagnet webhooks deliveries` lists the events and their ids"
        )
    click.echo("1 event is due again" if count == 1 else f"{count} events are due again")


@command.command("ping")
@name_argument
def ping(name: str) -> None:
    """Queue a test event; `leadmagnet webhooks deliveries NAME` shows what became of it."""
    with _acting() as services:
        event_id = events.ping(services, name)
    click.echo(str(event_id))
