"""The settings, read once from the environment, typed and frozen."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field, fields
from datetime import timedelta
from difflib import get_close_matches
from email.utils import formataddr, parseaddr
from pathlib import Path
from typing import Any, Self

from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict

from leadmagnet import places, secret_keys, studio
from leadmagnet.addresses import AddressRefused, normalise

# SITEURL is SITE_URL, and API_PORT is not PORT.
ALIKE = 0.85


class ConfigError(Exception):
    """The environment lacks a setting or holds a wrong one; the message names them all."""


def _is_utf8(value: str) -> bool:
    # Python reads any other byte of the environment as half of a pair.
    return not re.search("[\ud800-\udfff]", value)


def _text(value: str) -> str:
    if not _is_utf8(value):
        raise ValueError("must be UTF-8")
    return value


def flag(value: str) -> bool:
    if value.lower() not in ("true", "false"):
        raise ValueError("must be true or false")
    return value.lower() == "true"


def _one_of(*words: str) -> Callable[[str], str]:
    def parse(value: str) -> str:
        for word in words:
            if value.lower() == word.lower():
                return word
        raise ValueError(f"must be {', '.join(words[:-1])} or {words[-1]}")

    return parse


def _sender(value: str) -> str:
    """As a header takes it: a name beyond ASCII encoded (RFC 2047), one with a comma quoted."""
    name, address = parseaddr(value)
    try:
        if not value.isprintable() or normalise(address) != address.lower():
            raise AddressRefused("email_invalid")
    except AddressRefused:
        raise ValueError(
            'must be an address, like Light & Shutter <guide@studio.example>; "quote" a name that'
            " holds a comma"
        ) from None
    return formataddr((name, address))


def _address(value: str) -> str:
    try:
        return normalise(value)
    except AddressRefused:
        raise ValueError("must be an address alone, like owner@studio.example") from None


def _database(value: str) -> str:
    try:
        conninfo_to_dict(value)
    except ProgrammingError:
        # Without the value, for it holds a password.
        raise ValueError("must be like postgresql://user:password@host:5432/database") from None
    return value


def _number(at_least: int, at_most: int) -> Callable[[str], int]:
    def parse(value: str) -> int:
        if not (value.isascii() and value.isdigit() and at_least <= int(value) <= at_most):
            raise ValueError(f"must be a whole number from {at_least} to {at_most}")
        return int(value)

    return parse


def _duration(unit: str, at_most: int) -> Callable[[str], timedelta]:
    number = _number(1, at_most)
    return lambda value: timedelta(**{unit: number(value)})


def setting(parse: Callable[[str], Any], default: Any = MISSING) -> Any:
    return field(default=default, metadata={"parse": parse})


def environment() -> Mapping[str, str]:
    """This process's."""
    env = os.environ
    # boto3 reads the first name only; Lambda, ECS and the other SDKs go by the second.
    if env.get("AWS_REGION"):
        env["AWS_DEFAULT_REGION"] = env.get("AWS_DEFAULT_REGION") or env["AWS_REGION"]
    return env


def misspelt(env: Mapping[str, str]) -> dict[str, str]:
    """Names that are no setting's but much like one that is not set, and that one."""
    kinds = FromEnvironment.__subclasses__()
    known = {item.name.upper() for kind in kinds for item in fields(kind)}  # type: ignore[arg-type]
    unset = sorted(name for name in known if not env.get(name))
    near = {name: get_close_matches(name.upper(), unset, 1, ALIKE) for name in env}
    return {name: found[0] for name, found in near.items() if found and name not in known}


class FromEnvironment:
    """Gives a dataclass of settings its reader: field `site_url` is the variable SITE_URL."""

    @classmethod
    def load(cls) -> Self:
        """The settings of this process."""
        return cls.from_env(environment())

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Self:
        """Read every field; an empty variable counts as unset.

        Raises ConfigError, which names everything missing or wrong at once.
        """
        values: dict[str, Any] = {}
        missing: list[str] = []
        # What boto3 reads by itself, too: it would find out while it signs a request.
        given_to_aws = [name for name in env if name.startswith("AWS_")]
        wrong = [f"{name} must be UTF-8" for name in given_to_aws if not _is_utf8(env[name])]
        for item in fields(cls):  # type: ignore[arg-type]
            name = item.name.upper()
            given = env.get(name, "").strip()
            if not given:
                if item.default is MISSING:
                    missing.append(name)
                continue
            try:
                values[item.name] = item.metadata["parse"](_text(given))
            except ValueError as error:
                wrong.append(f"{name} {error}")
        if missing or wrong:
            lines = [f"set {', '.join(missing)}"] if missing else []
            near = [f"{name} is no setting" for name, of in misspelt(env).items() if of in missing]
            raise ConfigError(
                "; ".join(lines + near + wrong) + " (.env.example says what each is for)"
            )
        return cls(**values)


# Without a repr, so that no traceback or log shows a key or a password.
@dataclass(frozen=True, kw_only=True, repr=False)
class Config(FromEnvironment):
    """What `serve` and `worker` need. `.env.example` explains each."""

    database_url: str = setting(_database)
    site_url: str = setting(places.web_origin)
    studio_name: str = setting(studio.words(60))
    postal_address: str = setting(studio.words(200))
    s3_bucket: str = setting(places.bucket)
    mail_from: str = setting(_sender)
    ses_configuration_set: str = setting(places.configuration_set)
    unsubscribe_keys: tuple[bytes, ...] = setting(secret_keys.several)
    hash_key: bytes = setting(secret_keys.one)

    database_listen_url: str | None = setting(_database, None)
    policy_path: str = setting(studio.path, "/confidentialite")
    policy_path_en: str | None = setting(studio.path, None)
    controller: str | None = setting(studio.words(120), None)
    reply_to: str | None = setting(_sender, None)
    monogram: str | None = setting(studio.words(4), None)
    mail_colour: str = setting(studio.readable_on_light, "#7d4c36")
    mail_colour_dark: str = setting(studio.readable_on_dark, "#e6c3a8")
    mail_templates: Path | None = setting(Path, None)
    time_zone: str = setting(studio.time_zone, "Europe/Paris")
    owner_locale: str = setting(_one_of("fr", "en"), "fr")
    owner_mail: str | None = setting(_address, None)
    former_hash_keys: tuple[bytes, ...] = setting(secret_keys.several, ())
    legacy_unsubscribe_keys: tuple[bytes, ...] = setting(secret_keys.legacy, ())
    api_url: str | None = setting(places.web_origin, None)
    cors_origins: tuple[str, ...] = setting(places.origins, ())
    trusted_proxies: int = setting(_number(0, 10), 0)
    token_hours: timedelta = setting(_duration("hours", 24 * 30), timedelta(hours=48))
    token_uses: int = setting(_number(1, 100_000), 100)
    download_url_seconds: timedelta = setting(
        _duration("seconds", 7 * 86_400), timedelta(minutes=15)
    )
    cool_down_seconds: timedelta = setting(_duration("seconds", 86_400), timedelta(minutes=5))
    signups_per_hour: int = setting(_number(1, 1_000_000), 10)
    mails_per_mailbox: int = setting(_number(1, 1000), 3)
    mails_per_mailbox_days: timedelta = setting(_duration("days", 366), timedelta(days=7))
    mails_per_hour: int = setting(_number(8, 10_000_000), 2000)
    guesses_per_hour: int = setting(_number(1, 1_000_000), 100)
    refuse_disposable: bool = setting(flag, False)
    turnstile_secret: str | None = setting(_text, None)
    turnstile_hostnames: frozenset[str] = setting(places.host_names, frozenset())
    turnstile_action: str | None = setting(_text, None)
    turnstile_outage: str = setting(_one_of("accept", "refuse"), "accept")
    metrics_token: str | None = setting(secret_keys.text, None)
    sentry_dsn: str | None = setting(places.web_origin, None)
    text_grace_hours: timedelta = setting(_duration("hours", 24 * 30), timedelta(hours=24))
    sns_topics: tuple[str, ...] = setting(places.topics, ())
    ses_max_rate: int = setting(_number(1, 10_000), 10)
    ses_timeout_seconds: timedelta = setting(_duration("seconds", 300), timedelta(seconds=20))
    bounces_per_hundred: int = setting(_number(1, 100), 10)
    send_concurrency: int = setting(_number(1, 64), 8)
    privacy_link_minutes: timedelta = setting(_duration("minutes", 1440), timedelta(minutes=60))
    unconfirmed_days: timedelta = setting(_duration("days", 3650), timedelta(days=30))
    context_days: timedelta = setting(_duration("days", 3650), timedelta(days=365))
    subscriber_days: timedelta = setting(_duration("days", 36_500), timedelta(days=1095))
    unsubscribed_days: timedelta = setting(_duration("days", 36_500), timedelta(days=1095))
    not_me_days: timedelta = setting(_duration("days", 36_500), timedelta(days=180))
    bounced_days: timedelta = setting(_duration("days", 36_500), timedelta(days=365))
    unsettled_days: timedelta = setting(_duration("days", 3650), timedelta(days=30))
    expired_token_days: timedelta = setting(_duration("days", 3650), timedelta(days=180))
    webhook_key: bytes | None = setting(secret_keys.one, None)
    former_webhook_keys: tuple[bytes, ...] = setting(secret_keys.several, ())
    webhook_allow_hosts: frozenset[str] = setting(places.hosts_and_ports, frozenset())
    ledger_head_file: Path | None = setting(Path, None)
    receipt_key: bytes | None = setting(secret_keys.signing, None)
    lease_seconds: timedelta = setting(_duration("seconds", 3600), timedelta(minutes=2))
    host: str = setting(places.host, "127.0.0.1")
    port: int = setting(_number(1, 65_535), 8000)
    web_workers: int = setting(_number(1, 64), 2)
    web_threads: int = setting(_number(1, 64), 16)
    log_level: str = setting(_one_of("DEBUG", "INFO", "WARNING", "ERROR"), "INFO")

    @property
    def hash_keys(self) -> tuple[bytes, ...]:
        """The first writes; what any of them wrote is recognised."""
        return (self.hash_key, *self.former_hash_keys)

    def policy_url(self, locale: str) -> str:
        english = self.policy_path_en if locale == "en" else None
        return f"{self.site_url}{english or self.policy_path}"

    @property
    def controller_name(self) -> str:
        """Who answers for the data in law."""
        return self.controller or self.studio_name

    def __post_init__(self) -> None:
        # The lease also covers the wait for the mail's turn, and writing down what became of it.
        if self.lease_seconds < 2 * self.ses_timeout_seconds:
            raise ConfigError(
                "LEASE_SECONDS must be at least twice SES_TIMEOUT_SECONDS, or a slow answer of SES"
                " makes another worker send the same mail (.env.example says what each is for)"
            )
        # "This was not me" is on the subscriber's row, and the mailed link takes it back: both
        # are kept until it ends.
        for name in ("unsubscribed_days", "expired_token_days"):
            if self.not_me_days > getattr(self, name):
                raise ConfigError(f"NOT_ME_DAYS must not be longer than {name.upper()}")


@dataclass(frozen=True, kw_only=True, repr=False)
class BucketConfig(FromEnvironment):
    """What uploading a file needs besides AWS's own variables."""

    s3_bucket: str = setting(places.bucket)


@dataclass(frozen=True, kw_only=True, repr=False)
class MigrationConfig(FromEnvironment):
    """What `migrate` needs: the owner's connection, and the role that the application uses."""

    migration_database_url: str = setting(_database)
    app_role: str | None = setting(_text, None)
