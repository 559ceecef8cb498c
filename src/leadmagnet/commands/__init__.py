"""The command line. Imports happen inside the commands, so that each starts with what it needs."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import click

from leadmagnet import __version__
from leadmagnet.commands import mails as mail_commands
from leadmagnet.commands import plumbing as commands
from leadmagnet.commands import texts as housekeeping_commands
from leadmagnet.commands.plumbing import settings as _settings


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

    if _settings(Config).metrics_token:
        # Here, because it must be there before the metrics are imported, and must be new: counts
        # of processes that are gone would count for ever.
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = tempfile.mkdtemp(prefix="leadmagnet-metrics-")
    command = [
        sys.executable,
        "-m",
        "gunicorn",
        "--config",
        "python:leadmagnet.server.gunicorn_conf",
    ]
    os.execv(sys.executable, command)  # noqa: S606 - our own interpreter, fixed arguments


@main.command()
def worker() -> None:
    """Send the queued mails until SIGTERM; a mail in hand is finished first."""
    from leadmagnet import worker
    from leadmagnet.config import Config
    from leadmagnet.services import Services
    from leadmagnet.telemetry import logs, sentry

    config = _settings(Config)
    logs.configure(config.log_level)
    sentry.start(config.sentry_dsn)
    worker.main(Services.from_config(config, connections=2))


@main.command()
def migrate() -> None:
    """Apply sql/migrations, under Flyway's lock and into Flyway's history."""
    from leadmagnet.config import MigrationConfig
    from leadmagnet.database import migrations

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
    from leadmagnet.app import create_app
    from leadmagnet.web import openapi

    text = openapi.as_yaml(create_app(None))
    if output:
        output.write_text(text, encoding="utf-8")
    else:
        click.echo(text, nl=False)


for each in (*commands.GROUPS, *housekeeping_commands.GROUPS, *mail_commands.GROUPS):
    main.add_command(each)
