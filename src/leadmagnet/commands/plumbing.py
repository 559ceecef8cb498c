"""The operators' commands: ledger, receipts, erasures, retention, consent texts."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from typing import IO, TYPE_CHECKING, TypeVar
from uuid import UUID

import click

if TYPE_CHECKING:
    from leadmagnet.config import Config, FromEnvironment
    from leadmagnet.database import Database

Settings = TypeVar("Settings", bound="FromEnvironment")
file_argument = click.argument("file", type=click.File("rb"))


def settings(cls: type[Settings]) -> Settings:
    """The settings, or an end that names what is missing."""
    from leadmagnet.config import ConfigError

    try:
        return cls.load()
    except ConfigError as error:
        raise click.ClickException(str(error)) from None


@contextmanager
def _connected(url: str) -> Iterator[Database]:
    from leadmagnet.database import Database
    from leadmagnet.errors import Unavailable

    database = Database(url, size=1)
    database.open()
    try:
        yield database
    except Unavailable as error:
        reason = type(error.__cause__ or error).__name__
        raise click.ClickException(f"the database does not answer ({reason})") from None
    finally:
        database.close()


@contextmanager
def application() -> Iterator[tuple[Database, Config]]:
    """The application's settings, and its database in its own role; its log lines on stderr."""
    from leadmagnet.config import Config
    from leadmagnet.telemetry import logs

    config = settings(Config)
    logs.configure(config.log_level, sys.stderr)
    with _connected(config.database_url) as database:
        yield database, config


@contextmanager
def owner() -> Iterator[Database]:
    from leadmagnet.config import MigrationConfig

    with _connected(settings(MigrationConfig).migration_database_url) as database:
        yield database


@click.group()
def ledger() -> None:
    """The chain over the consent events: seal, verify, publish its head."""


@ledger.command("seal")
def ledger_seal() -> None:
    """Seal what has settled, as the worker does every ten seconds."""
    from leadmagnet.consent import ledger

    sealed = 0
    with application() as (database, config):
        while batch := ledger.seal(database, config.hash_key):
            sealed += batch
    click.echo(f"{sealed} sealed")


@ledger.command("head")
def ledger_head() -> None:
    """Print the end of the chain, to be published or kept elsewhere."""
    from leadmagnet.consent import ledger

    with application() as (database, _):
        click.echo(str(ledger.head(database)))


@ledger.command("verify")
@click.option("--head", "known", help="A head of before: the chain must still pass through it.")
def ledger_verify(known: str | None) -> None:
    """Name the first row that was altered, added or removed; exit code 1 if there is one."""
    from leadmagnet.consent import ledger

    pinned = None
    if known:
        position, _, link = known.partition(":")
        if not position.isdecimal() or len(link) < 32:
            raise click.BadParameter("must be POSITION:LINK, as `leadmagnet ledger head` prints it")
        pinned = (int(position), link.lower())
    with application() as (database, config):
        report = ledger.verify(database, config.hash_key, known=pinned)
    if report.fault:
        raise click.ClickException(report.fault)
    click.echo(
        f"intact: {report.events} events, {report.erased} erased, {report.waiting} not sealed yet;"
        f" head {report.head}"
    )


@click.group()
def receipt() -> None:
    """The signed proof of one person's consent."""


@receipt.command("show")
@click.argument("subscriber_id", type=click.UUID)
def receipt_show(subscriber_id: UUID) -> None:
    """Print the signed receipt of a subscriber as JSON."""
    from leadmagnet.consent import receipts
    from leadmagnet.mail.compose import STUDIO

    with application() as (database, config), _receipt_errors():
        issued = receipts.issue(
            database,
            subscriber_id,
            receipts.signing_key(_receipt_key(config)),
            controller=STUDIO,
            contact=config.mail_from,
            site_url=config.site_url,
        )
    if issued is None:
        raise click.ClickException(f"there is no subscriber {subscriber_id}")
    click.echo(json.dumps(issued, ensure_ascii=False, indent=2))


@receipt.command("public-key")
def receipt_public_key() -> None:
    """Print the public key, to be published: receipts are verified with it."""
    from leadmagnet.config import Config
    from leadmagnet.consent import receipts

    with _receipt_errors():
        key = receipts.signing_key(_receipt_key(settings(Config)))
    click.echo(receipts.as_text(key.public_key()))


@receipt.command("verify")
@file_argument
@click.option("--public-key", required=True, help="As `public-key` prints it, or a PEM.")
def receipt_verify(file: IO[bytes], public_key: str) -> None:
    """Verify a receipt in FILE (- for stdin), without any database or setting."""
    from leadmagnet.consent import receipts

    with _receipt_errors():
        found = receipts.verify(file.read(), receipts.public_key(public_key))
    header, metadata = found["record_header"], found["receipt_metadata"]
    click.echo(f"valid: {header['pii_principal_id']}, issued {metadata['issued_at']}")


def _receipt_key(config: Config) -> bytes:
    if config.receipt_key is None:
        raise click.ClickException("set RECEIPT_KEY (.env.example says how to make one)")
    return config.receipt_key


@contextmanager
def _receipt_errors() -> Iterator[None]:
    from leadmagnet.consent.receipts import ReceiptError

    try:
        yield
    except ReceiptError as error:
        raise click.ClickException(str(error)) from None


@click.group()
def erasures() -> None:
    """Who was erased, by random ids; to be done again after a restore."""


@erasures.command("list")
def erasures_list() -> None:
    """Print every erasure, one a line; keep it where the backups are not."""
    from leadmagnet.rights import erasures

    with application() as (database, _):
        for tombstone in erasures.listed(database):
            click.echo(str(tombstone))


@erasures.command("reapply")
@click.argument("file", type=click.File(encoding="utf-8"), required=False)
def erasures_reapply(file: IO[str] | None) -> None:
    """Erase again whom a restored backup brought back: those in the table, and those in FILE
    (- for stdin), a list that was printed after the backup was made."""
    from leadmagnet.rights import erasures

    try:
        given = [erasures.Tombstone.parse(line) for line in file or () if line.strip()]
    except ValueError as error:
        raise click.ClickException(f"not a list of erasures: {error}") from None
    with application() as (database, _):
        erased = erasures.reapply(database, chain(erasures.listed(database), given))
    click.echo(f"{erased} erased again")


GROUPS: tuple[click.Command, ...] = (ledger, receipt, erasures)
