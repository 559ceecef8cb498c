"""`leadmagnet migrate`: the migrations, as Flyway applies them."""

from __future__ import annotations

import click

from leadmagnet.config import MigrationConfig
from leadmagnet.database import migrations


@click.command("migrate")
@click.option(
    "--shared-history",
    is_flag=True,
    help="Write into a history that holds another folder's migrations, too.",
)
def command(shared_history: bool) -> None:
    """Apply sql/migrations, under Flyway's lock and into Flyway's history, and renew the grants."""
    config = MigrationConfig.load()
    try:
        applied = migrations.migrate(
            config.migration_database_url,
            app_role=config.app_role,
            shared_history=shared_history,
            say=lambda sentence: click.echo(sentence, err=True),
            done=lambda script: click.echo(f"applied {script}"),
        )
    except migrations.MigrationError as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"{len(applied)} applied" if applied else "nothing to apply")
