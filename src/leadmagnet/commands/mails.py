"""`leadmagnet mails`: show what waits or failed, retry it, drop a flood, pause and resume."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import click

from leadmagnet.admin import mails
from leadmagnet.admin.audit import OPERATOR
from leadmagnet.commands.plumbing import ROW_ID, ROWS, application
from leadmagnet.commands.printing import Group, ago, human, json_option, print_json, print_table
from leadmagnet.config import Config
from leadmagnet.database import Row
from leadmagnet.mail import outbox, proof, send_limiter
from leadmagnet.mail.wording import KINDS, LOCALES, TO_OWNER

HELD = {
    "operator": "paused by `leadmagnet mails pause`",
    "bounces": "paused: too many of the last hundred mails bounced (BOUNCES_PER_HUNDRED)",
    "database_copied": "paused: this database is a copy, and the original may have sent its mails",
}


@click.group(
    "mails",
    cls=Group,
    short_help="Show, retry, drop, pause and resume.",
    invoke_without_command=True,
)
@click.option("--failures", type=ROWS, default=10, show_default=True, help="How many to list.")
@json_option
@click.pass_context
def command(context: click.Context, failures: int, as_json: bool) -> None:
    """Show the mails by state, whether sending is held up, and the latest failures.

    Ends with 1 when sending is paused or throttled, or a mail is dead.
    """
    if context.invoked_subcommand:
        return
    with application() as services:
        found = outbox.overview(services, failures=failures)
        limiter = send_limiter.state(services)
    reason = _why_not(limiter)
    if as_json:
        print_json(found | {"limiter": limiter})
    else:
        _print_states(found["states"])
        if reason:
            click.echo(f"\n{reason}")
        _print_failures(found["failures"])
    dead = any(row["state"] == "dead" for row in found["states"])
    context.exit(1 if reason or dead else 0)


def _print_states(states: list[Row]) -> None:
    if states and not any(row["state"] == "queued" for row in states):
        click.echo("nothing queued")
    rows = [(row["state"], row["mails"], row["delayed"] or "-", ago(row["age"])) for row in states]
    print_table(("STATE", "MAILS", "RETRIED", "OLDEST"), rows, empty="no mails yet")


def _print_failures(failures: list[Row]) -> None:
    if not failures:
        return
    click.echo()
    rows = [
        (
            *(row["id"], row["state"], row["kind"], row["attempts"]),
            "-" if row["state"] == "dead" else _when(row["wait"]),
            row["reason"] + (f": {row['sentence']}" if row["sentence"] else ""),
        )
        for row in failures
    ]
    print_table(("ID", "STATE", "KIND", "ATTEMPTS", "NEXT TRY", "REASON"), rows, empty="")


def _when(wait: timedelta) -> str:
    return f"in {human(wait)}" if wait >= timedelta(seconds=1) else "now"


def _why_not(limiter: Row) -> str | None:
    """Why no mail goes now, in a sentence; None when mails go."""
    wait = human(limiter["wait"])
    if limiter["hold_reason"]:
        return f"{HELD[limiter['hold_reason']]}; `leadmagnet mails resume` sends again"
    if limiter["pause_reason"]:
        said = f" ({limiter['pause_sentence']})" if limiter["pause_sentence"] else ""
        return f"paused by SES: {limiter['pause_reason']}{said}; next try in {wait}"
    if limiter["throttles"]:
        return f"throttled by SES, {_times(limiter['throttles'])} in a row; next try in {wait}"
    if limiter["wait"] > timedelta(minutes=1):
        return f"no mail may go for {wait}: was a clock wrong? `leadmagnet mails resume` resets it"
    return None


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _mails(count: int) -> str:
    return "1 mail is" if count == 1 else f"{count} mails are"


@command.command()
@click.argument("ids", nargs=-1, type=ROW_ID)
@click.option("--all", "everything", is_flag=True, help="All dead mails.")
def retry(ids: tuple[int, ...], everything: bool) -> None:
    """Make dead mails due again: those with these ids, or --all."""
    if bool(ids) == everything:
        raise click.UsageError("give the ids of dead mails, or --all")
    with application() as services:
        count = mails.retry(services, OPERATOR, ids=ids, every=everything)
    if count or everything:
        click.echo(f"{_mails(count)} due again")
    if ids and count < len(set(ids)):
        which = "the others are not" if count else "none of them is"
        raise click.ClickException(f"{which} dead: `leadmagnet mails` lists those that are")


@command.command()
@click.option("--limit", type=ROWS, default=10, show_default=True, help="How many to list.")
@json_option
def flood(limit: int, as_json: bool) -> None:
    """List the networks with the most queued mails, by a hash that names no address.

    A network is an IPv6 /48 or an IPv4 /24. `leadmagnet mails drop NETWORK` cancels its mails.
    """
    with application() as services:
        rows = outbox.networks(services, limit=limit)
    if as_json:
        print_json(rows)
        return
    print_table(
        ("NETWORK", "QUEUED", "OLDEST"),
        [(row["network"], row["mails"], ago(row["age"])) for row in rows],
        empty="no mail is queued for a network",
    )


def _network(_: click.Context, __: click.Parameter, value: str) -> str:
    # Fewer digits could name several networks, and none would name all of them.
    if not re.fullmatch("[0-9a-f]{12}", value):
        raise click.BadParameter("give the 12 digits that `leadmagnet mails flood` shows")
    return value


@command.command()
@click.argument("network", callback=_network)
def drop(network: str) -> None:
    """Cancel the queued mails of a NETWORK that `leadmagnet mails flood` shows.

    A mail that a worker has in hand still goes out. The people behind the addresses can sign up
    again; their counts stay.
    """
    with application() as services:
        count = mails.drop(services, OPERATOR, network)
    if not count:
        raise click.ClickException(
            "no mail is queued for this network: `leadmagnet mails flood` lists those with some"
        )
    click.echo(f"{_mails(count)} cancelled")


@command.command()
def pause() -> None:
    """Send no mail until `resume`; mails in hand are finished. Do this before a copy is started."""
    with application() as services:
        mails.pause(services, OPERATOR)
    click.echo("sending is paused; `leadmagnet mails resume` sends again")


@command.command()
def resume() -> None:
    """Resume sending now, once the cause of the pause is fixed."""
    with application() as services:
        count = mails.resume(services, OPERATOR)
    click.echo(f"sending is resumed; {_mails(count)} due again")


@command.command()
@click.argument("kind", metavar="KIND", type=click.Choice(KINDS + TO_OWNER))
@click.option("--locale", type=click.Choice(LOCALES), default="fr", show_default=True)
@click.option(
    "--to",
    "folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=".",
    help="The folder to write to. Default: this one.",
)
def preview(kind: str, locale: str, folder: Path) -> None:
    """Write the mail of this KIND as HTML and as text, with links that lead nowhere.

    KIND is confirm, download, privacy, or, of the mails to OWNER_MAIL, week or webhook.

    Needs the settings, and no database. Templates in MAIL_TEMPLATES are checked first.
    """
    config = Config.load()
    proof.require_whole(config)
    content = proof.sample(config, kind, locale)
    for suffix, part in (("html", content.html), ("txt", content.text)):
        path = folder / f"{kind}.{locale}.{suffix}"
        try:
            path.write_text(part, encoding="utf-8")
        except OSError as error:
            raise click.ClickException(f"{path} cannot be written: {error.strerror}") from None
        click.echo(path)
    click.echo(content.subject)
