"""The settings of the running stack: the environment's, and ours where it is silent."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path

from leadmagnet.admin.settings import AdminConfig
from leadmagnet.config import Config, MigrationConfig
from leadmagnet.server.ports import TAKEN, refusal

DATABASE_URLS = ("DATABASE_URL", "MIGRATION_DATABASE_URL")
ALL_INTERFACES = "0.0.0.0"  # noqa: S104
# Where `make site` serves. Another SITE_URL is that of somebody's own app.
SITE_URL = "http://localhost:3000"


class SettingError(Exception):
    """A setting cannot be used; the message names it and says what to do."""


def complete(env: Mapping[str, str], folder: Path) -> dict[str, str]:
    """The environment with a default for everything but the services' addresses.

    An empty variable counts as unset.
    """
    given = {name: value for name, value in env.items() if value.strip()}
    defaults = {
        "HOST": "127.0.0.1",
        "PORT": "8000",
        "MAILBOX_PORT": "8025",
        "SITE_URL": SITE_URL,
        "CORS_ORIGINS": SITE_URL,
        "MAIL_FROM": "Light & Shutter <guide@light-and-shutter.example>",
        "STUDIO_NAME": "Light & Shutter",
        "POLICY_PATH_EN": "/en/privacy",
        "POSTAL_ADDRESS": "1 rue de la Lumière, 75011 Paris",
        "SES_CONFIGURATION_SET": "leadmagnet",
        "S3_BUCKET": "leadmagnet-guides",
        # Who tries things out signs up more than ten times an hour, from one machine.
        "SIGNUPS_PER_HOUR": "1000",
        "GUESSES_PER_HOUR": "1000",
        # And with the same address.
        "MAILS_PER_MAILBOX": "1000",
        "ADMIN_API": "true",
        "LEDGER_HEAD_FILE": str((folder / "ledger-head").absolute()),
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "eu-west-3",
    }
    if "UNSUBSCRIBE_KEYS" not in given:
        defaults["UNSUBSCRIBE_KEYS"] = kept_key(folder / "unsubscribe.key")
    if "HASH_KEY" not in given:
        defaults["HASH_KEY"] = kept_key(folder / "hash.key")
    if "RECEIPT_KEY" not in given:
        defaults["RECEIPT_KEY"] = kept_key(folder / "receipt.key")
    if "WEBHOOK_KEY" not in given:
        defaults["WEBHOOK_KEY"] = kept_key(folder / "webhook.key")
    settings = {**defaults, **given}
    settings.setdefault("API_URL", f"http://{api_host(settings)}:{settings['PORT']}")
    return settings


def api_host(settings: Mapping[str, str]) -> str:
    """Where a client on this machine reaches the API."""
    return "127.0.0.1" if settings["HOST"] == ALL_INTERFACES else settings["HOST"]


def refuse_half_a_pair(env: Mapping[str, str]) -> None:
    missing = [name for name in DATABASE_URLS if not env.get(name)]
    if len(missing) == 1:
        (present,) = set(DATABASE_URLS) - set(missing)
        raise SettingError(
            f"{present} is set and {missing[0]} is not: set both to use your own PostgreSQL,"
            " or neither to have one started"
        )


def port(settings: Mapping[str, str], name: str) -> int:
    value = settings[name]
    if not (value.isascii() and value.isdigit() and 1 <= int(value) <= 65_535):
        raise SettingError(f"{name} must be a whole number from 1 to 65535, not {value}")
    return int(value)


def refuse_taken_port(name: str, host: str, number: int) -> None:
    reason = refusal(host, number)
    if reason == TAKEN:
        raise SettingError(f"port {number} is taken: set {name} to another")
    if reason:
        raise SettingError(f"port {number} of {host} cannot be used ({reason}): change {name}")


def write_env_file(path: Path, settings: Mapping[str, str]) -> None:
    """For `set -a; . .dev/env` and simple parsers: KEY='value', one a line."""
    ours = {
        field.name.upper()
        for kind in (Config, AdminConfig, MigrationConfig)
        for field in fields(kind)
    }
    ours.add("MAILBOX_PORT")
    chosen = {k: v for k, v in sorted(settings.items()) if k in ours or k.startswith("AWS_")}
    write_private(path, "".join(f"{k}={_quoted(v)}\n" for k, v in chosen.items()))


def write_private(path: Path, text: str) -> None:
    """Whole or not at all, and never readable by others, not even for a moment."""
    unfinished = path.with_name(f"{path.name}.new")
    unfinished.unlink(missing_ok=True)
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    unfinished.replace(path)


def kept_key(path: Path) -> str:
    # Kept, so that the unsubscribe links in yesterday's mails, the ledger's seals, the receipts and
    # the webhooks' secrets are still good.
    if not path.exists():
        write_private(path, secrets.token_urlsafe(32))
    return path.read_text()


def _quoted(value: str) -> str:
    inside = value.replace("'", "'\\''")
    return f"'{inside}'"
