"""`leadmagnet keys`: make, list and revoke the keys of the admin API."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import timedelta

import click

from leadmagnet import secret_keys
from leadmagnet.admin import keys
from leadmagnet.admin.roles import ROLES
from leadmagnet.commands.plumbing import owner
from leadmagnet.commands.printing import Group, day, json_option, moment, print_json, print_table
from leadmagnet.config import FromEnvironment, setting
from leadmagnet.consent import seals
from leadmagnet.database import Row


@dataclass(frozen=True, kw_only=True, repr=False)
class _HashKey(FromEnvironment):
    hash_key: bytes = setting(secret_keys.one)
    former_hash_keys: tuple[bytes, ...] = setting(secret_keys.several, ())


@click.group("keys", cls=Group, short_help="Make, list and revoke keys of the admin API.")
def command() -> None:
    """The keys of the admin API, by the owner's connection (MIGRATION_DATABASE_URL)."""


@command.command("add")
@click.argument("name")
@click.option("--role", required=True, type=click.Choice(list(ROLES)))
@click.option("--days", default=90, show_default=True, type=click.IntRange(1, 366))
def add(name: str, role: str, days: int) -> None:
    """Make a key and print it, this one time."""
    words = name.split("-")
    if not all(w.isascii() and w.isalnum() and w.islower() for w in words) or len(name) > 50:
        raise click.BadParameter("must be like ada-laptop", param_hint="NAME")
    secret = _HashKey.load().hash_key
    key = keys.make(secrets.token_bytes)
    try:
        with owner() as database:
            expires_at = keys.add(
                database,
                name=name,
                key=key,
                role=role,
                life=timedelta(days=days),
                hash_key=secret,
                show=lambda: click.echo(key),
            )
    except keys.KeyRefused as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"{name} may act as {role} until {moment(expires_at)}", err=True)


@command.command("list")
@json_option
def list_(as_json: bool) -> None:
    """Print every key: name, role, until when, and the day of its last use."""
    with owner() as database:
        found = keys.listed(database)
    if as_json:
        print_json(found)
        return
    print_table(
        ("NAME", "ROLE", "STATE", "LAST USED"),
        [(row["name"], row["role"], _state(row), row["last_used_on"] or "never") for row in found],
        empty="no keys: make one with `leadmagnet keys add`",
    )


def _state(row: Row) -> str:
    if row["revoked_at"]:
        return f"revoked {day(row['revoked_at'])}"
    return f"until {day(row['expires_at'])}" if row["works"] else "ended"


@command.command("revoke")
@click.argument("name")
def revoke(name: str) -> None:
    """End a key at once."""
    try:
        with owner() as database:
            keys.revoke(database, name)
    except keys.KeyRefused as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"revoked {name}")


@command.command("rotate-hash")
def rotate_hash() -> None:
    """Let a new HASH_KEY seal the ledger, once every process has it and the one before it is in
    FORMER_HASH_KEYS.

    What the former key wrote is recognised as long as it stays there: suppressed addresses, keys
    of the admin API, seals.
    """
    given = _HashKey.load()
    if not given.former_hash_keys:
        raise click.ClickException("set FORMER_HASH_KEYS to the key before HASH_KEY")
    try:
        with owner() as database:
            rotated = keys.rotate_hash(database, given.hash_key, given.former_hash_keys)
    except seals.SealingRefused as error:
        raise click.ClickException(str(error)) from None
    click.echo("HASH_KEY seals from now on" if rotated else "nothing to do: HASH_KEY seals already")
