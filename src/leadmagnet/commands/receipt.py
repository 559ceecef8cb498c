"""`leadmagnet receipt`: issue the signed proof of a consent, and verify one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO
from uuid import UUID

import click

from leadmagnet import secret_keys
from leadmagnet.admin import audit
from leadmagnet.admin.audit import OPERATOR
from leadmagnet.commands.plumbing import file_argument
from leadmagnet.commands.printing import Group
from leadmagnet.commands.subscriber import of_one, one
from leadmagnet.config import Config, FromEnvironment, setting
from leadmagnet.consent import receipts
from leadmagnet.errors import SubscriberUnknown


@dataclass(frozen=True, kw_only=True, repr=False)
class KeyConfig(FromEnvironment):
    """What `public-key` needs."""

    receipt_key: bytes = setting(secret_keys.signing)


@click.group("receipt", cls=Group, short_help="Issue and verify signed proofs of consent.")
def command() -> None:
    """The signed proof of one person's consent."""


@command.command("show")
@of_one
def show(subscriber_id: UUID | None, address_file: IO[str] | None) -> None:
    """Print the signed receipt of a subscriber as JSON: by ID, by the address in a file, or by the
    one that is asked for."""
    with one(subscriber_id, address_file) as (services, found), _receipt_errors():
        issued = receipts.issue(
            services, found, receipts.signing_key(_receipt_key(services.config))
        )
        if issued is None:
            raise SubscriberUnknown
        audit.record(services.database, OPERATOR, "subscribers:receipt", subscriber_id=found)
    click.echo(json.dumps(issued, ensure_ascii=False, indent=2))


@command.command("public-key")
def public_key() -> None:
    """Print the public key, to be published: receipts are verified with it."""
    with _receipt_errors():
        key = receipts.signing_key(KeyConfig.load().receipt_key)
    click.echo(receipts.as_text(key.public_key()))


@command.command("verify")
@file_argument
@click.option("--public-key", required=True, help="As `public-key` prints it, or a PEM.")
def verify(file: IO[bytes], public_key: str) -> None:
    """Verify a receipt in FILE (- for stdin), without any database or setting."""
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
    try:
        yield
    except receipts.ReceiptError as error:
        raise click.ClickException(str(error)) from None
