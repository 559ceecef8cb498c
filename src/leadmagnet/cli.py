"""The command line. Imports happen inside the commands, so that each starts with what it needs."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from leadmagnet import __version__

if TYPE_CHECKING:
    from collections.abc import Iterator

    from leadmagnet.config import FromEnvironment
    from leadmagnet.db import Database

Settings = TypeVar("Settings", bound="FromEnvironment")


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="leadmagnet %(version)s")
def main() -> None:
    """The lead-magnet API: an e-mail address in, a proven consent and a PDF guide out.

    Settings come from the environment; .env.example says what each is for.
    """


@main.command()
def dev() -> None:
    """Serve everything on this machine: PostgreSQL, AWS emulator, mailbox, API, worker."""
    from leadmagnet.dev import stack

    sys.exit(stack.run(os.environ))


@main.command()
def serve() -> None:
    """Serve the API with gunicorn."""
    from leadmagnet.config import Config

    _settings(Config)
    command = [sys.executable, "-m", "gunicorn", "--config", "python:leadmagnet.gunicorn_conf"]
    os.execv(sys.executable, command)  # noqa: S606 - our own interpreter, fixed arguments


@main.command()
def worker() -> None:
    """Send the queued mails until SIGTERM; a mail in hand is finished first."""
    from leadmagnet import logs, worker
    from leadmagnet.config import Config
    from leadmagnet.services import Services

    config = _settings(Config)
    logs.configure(config.log_level)
    worker.main(Services.from_config(config, connections=2))


@main.command()
def migrate() -> None:
    """Apply sql/migrations, under Flyway's lock and into Flyway's history."""
    from leadmagnet import migrations
    from leadmagnet.config import MigrationConfig

    config = _settings(MigrationConfig)
    try:
        applied = migrations.migrate(config.migration_database_url, app_role=config.app_role)
    except migrations.MigrationError as error:
        raise click.ClickException(str(error)) from None
    for script in applied:
        click.echo(f"applied {script}")
    click.echo(f"{len(applied)} applied" if applied else "nothing to apply")


@main.command()
@click.option("--output", type=click.Path(path_type=Path), help="A file instead of stdout.")
def openapi(output: Path | None) -> None:
    """Print the OpenAPI document, as openapi.yaml holds it."""
    from leadmagnet import openapi
    from leadmagnet.app import create_app

    text = openapi.as_yaml(create_app(None))
    if output:
        output.write_text(text, encoding="utf-8")
    else:
        click.echo(text, nl=False)


@main.group(invoke_without_command=True)
@click.option("--troubles", default=10, show_default=True, help="How many of the latest to list.")
@click.pass_context
def mails(context: click.Context, troubles: int) -> None:
    """Show the mails by state, whether sending is held up, and the latest troubles."""
    if context.invoked_subcommand:
        return
    from leadmagnet import outbox

    with _database() as database:
        found = outbox.overview(database, troubles=troubles)
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


@mails.command()
@click.argument("ids", nargs=-1, type=int)
@click.option("--all", "everything", is_flag=True, help="All dead mails.")
def retry(ids: tuple[int, ...], everything: bool) -> None:
    """Make dead mails due again: those with these ids, or --all."""
    from leadmagnet import outbox

    if bool(ids) == everything:
        raise click.UsageError("give the ids of dead mails, or --all")
    with _database() as database:
        click.echo(f"{outbox.retry(database, None if everything else ids)} due again")


@mails.command()
def resume() -> None:
    """Send again at once, after what paused SES or throttled it was mended."""
    from leadmagnet import outbox

    with _database() as database:
        click.echo(f"sending is open; {outbox.resume(database)} mails due again")


@contextmanager
def _database() -> Iterator[Database]:
    from leadmagnet.config import Config
    from leadmagnet.db import Database
    from leadmagnet.errors import Unavailable

    database = Database(_settings(Config).database_url, size=1)
    database.open()
    try:
        yield database
    except Unavailable:
        raise click.ClickException("the database does not answer; try again") from None
    finally:
        database.close()


def _settings(cls: type[Settings]) -> Settings:
    from leadmagnet.config import ConfigError

    try:
        return cls.load()
    except ConfigError as error:
        raise click.ClickException(str(error)) from None
