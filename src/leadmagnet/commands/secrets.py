"""`leadmagnet secrets`: fresh keys for .env."""

from __future__ import annotations

import secrets
from base64 import b64encode

import click


@click.command("secrets")
def command() -> None:
    """Print fresh keys as lines for .env: `leadmagnet secrets >> .env`. Nothing keeps them."""
    click.echo(f"UNSUBSCRIBE_KEYS={secrets.token_hex(32)}")
    click.echo(f"HASH_KEY={secrets.token_hex(32)}")
    click.echo(f"RECEIPT_KEY={b64encode(secrets.token_bytes(32)).decode()}")
    click.echo(f"WEBHOOK_KEY={secrets.token_hex(32)}")
    click.echo(f"METRICS_TOKEN={secrets.token_hex(32)}")
