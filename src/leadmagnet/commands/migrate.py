"""`leadmagnet migrate`: the migrations, as Flyway applies them."""

from __future__ import annotations

import click

from leadmagnet.commands.plumbing import settings
from leadmagnet.config import MigrationConfig
from leadmagnet.database import migrations


@click.command("migrate")
def command() -> None:
    """Apply sql/migrations, under Flyway's lock and into Flyway's history."""
    config = settings(MigrationConfig)
    try:
        applied = migrations.migrate(config.migration_database_url, app_role=config.app_role)
    except migrations.MigrationError as error:
        raise click.ClickException(str(error)) from None
    for script in applied:
        click.echo(f"applied {script}")
    click.echo(f"{len(applied)} applied" if applied else "nothing to apply")
