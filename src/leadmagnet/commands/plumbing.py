"""What the commands share: settings, connections, and errors as one sentence."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import click
import psycopg

from leadmagnet.adapters import account
from leadmagnet.config import Config, MigrationConfig, environment, misspelt
from leadmagnet.consent.chain import Head
from leadmagnet.database import Database
from leadmagnet.database.reasons import why
from leadmagnet.errors import LeadMagnetError, StorageUnavailable, Unavailable
from leadmagnet.mail.proof import require_whole
from leadmagnet.services import Services

file_argument = click.argument("file", type=click.File("rb"))
# What PostgreSQL's bigint holds, and as many rows as a person reads.
ROW_ID = click.IntRange(1, 2**63 - 1)
ROW_ID.name = "number"
ROWS = click.IntRange(0, 1000)
# Longer than a connection may take (session.parameters), so that a refusal's reason is known.
PATIENCE = 3.0


def _published_head(
    context: click.Context, parameter: click.Parameter, text: str | None
) -> Head | None:
    try:
        return Head.parse(text) if text else None
    except ValueError:
        raise click.BadParameter(
            "must be POSITION:HASH, as `leadmagnet ledger head` prints it"
        ) from None


head_option = click.option(
    "--head",
    "published",
    callback=_published_head,
    help="A head of before: the chain must still pass through it.",
)


def say_what_is_missing(config: Config) -> None:
    """At the start of a service: end it with a broken mail or unusable settings of AWS, and say on
    stderr what else is missing. Credentials and the database may still come; it serves as soon as
    they do.
    """
    for name, meant in misspelt(environment()).items():
        click.echo(f"{name} is no setting: {meant}?", err=True)
    require_whole(config)
    account.require_usable()
    if sentence := account.missing_credentials():
        click.echo(sentence, err=True)
    database = Database(config.database_url, size=1)
    database.open(patience=PATIENCE)
    try:
        database.readiness.require()
    except Unavailable as error:
        click.echo(f"not ready: {why(error.__cause__ or error).sentence}", err=True)
    finally:
        database.close()


@contextmanager
def _connected(database: Database, *, setting: str) -> Iterator[None]:
    database.open(patience=PATIENCE)
    try:
        yield
    except Unavailable as error:
        # Of what was refused without a cause, the argument says why.
        raise click.ClickException(
            why(error.__cause__ or error, setting=setting).sentence
        ) from None
    except psycopg.IntegrityError as error:
        # Without psycopg's own text, which holds the row.
        rule = error.diag.constraint_name or error.diag.column_name
        raise click.ClickException(f"the database refuses a value: see the rule {rule}") from None
    except psycopg.DataError:
        raise click.ClickException("a value is too large, or holds a NUL character") from None
    except UnicodeEncodeError:
        # An argument whose bytes are not UTF-8.
        raise click.ClickException("a value is not UTF-8 text") from None
    finally:
        database.close()


@contextmanager
def refusing() -> Iterator[None]:
    """What a use case refuses, as one sentence."""
    try:
        yield
    except StorageUnavailable as error:
        raise click.ClickException(f"S3 did not take the file ({error})") from None
    except Unavailable:
        # Said by the connection, which knows the reason.
        raise
    except LeadMagnetError as error:
        raise click.ClickException(str(error)) from None


@contextmanager
def application() -> Iterator[Services]:
    """What the use cases are given, in the application's own role."""
    config = Config.load()
    services = Services.from_config(config, connections=1)
    with _connected(services.database, setting="DATABASE_URL"):
        yield services


@contextmanager
def owner() -> Iterator[Database]:
    """The database in the role of its owner, who alone may change texts."""
    database = Database(MigrationConfig.load().migration_database_url, size=1)
    with _connected(database, setting="MIGRATION_DATABASE_URL"):
        yield database
