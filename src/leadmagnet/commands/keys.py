"""`leadmagnet keys`: make, list and revoke the keys of the admin API."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import timedelta

import click

from leadmagnet import secret_keys
from leadmagnet.admin import keys
from leadmagnet.admin.roles import ROLES
from leadmagnet.commands.plumbing import owner, settings
from leadmagnet.config import FromEnvironment, setting


@dataclass(frozen=True, kw_only=True, repr=False)
class _HashKey(FromEnvironment):
    hash_key: bytes = setting(secret_keys.one)


@click.group("keys", short_help="Make, list and revoke keys of the admin API.")
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
    secret = settings(_HashKey).hash_key
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
            )
    except keys.KeyRefused as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"{name} may act as {role} until {expires_at:%Y-%m-%d %H:%M} UTC", err=True)
    click.echo(key)


@command.command("list")
def list_() -> None:
    """Print every key: name, role, until when, and the day of its last use."""
    with owner() as database:
        for row in keys.listed(database):
            state = f"until {row['expires_at']:%Y-%m-%d}" if row["works"] else "ended"
            if row["revoked_at"]:
                state = f"revoked {row['revoked_at']:%Y-%m-%d}"
            used = f"used {row['last_used_on']}" if row["last_used_on"] else "never used"
            click.echo(f"{row['name']:<24}{row['role']:<8}{state:<20}{used}")


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
