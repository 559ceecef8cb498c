"""Settings: read once, typed, and a start that names everything missing at once."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import MISSING, FrozenInstanceError, fields
from datetime import timedelta

import pytest
from click.testing import CliRunner

from leadmagnet.admin.settings import AdminConfig
from leadmagnet.commands import main
from leadmagnet.config import Config, ConfigError, MigrationConfig, misspelt
from tests.support.paths import path_of
from tests.support.settings import SETTINGS

REQUIRED = {each.name.upper() for each in fields(Config) if each.default is MISSING}
VALID = {
    **{name: value for name, value in SETTINGS.items() if name in REQUIRED},
    "DATABASE_URL": "postgresql://lm_app@localhost/leadmagnet",
}


def test_everything_missing_is_named_at_once():
    with pytest.raises(ConfigError) as caught:
        Config.from_env({})
    for each in fields(Config):
        assert (each.name.upper() in str(caught.value)) == (each.default is MISSING)


def test_a_start_without_settings_stops_and_names_them_without_a_traceback():
    result = subprocess.run(
        [sys.executable, "-m", "leadmagnet", "serve"],
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 1
    assert "DATABASE_URL" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("command", ["worker", "migrate"])
def test_so_does_every_other_process(command, monkeypatch):
    for name in {*REQUIRED, "MIGRATION_DATABASE_URL"}:
        monkeypatch.delenv(name, raising=False)
    result = CliRunner().invoke(main, [command])
    assert (result.exit_code, type(result.exception)) == (1, SystemExit)
    assert "DATABASE_URL" in result.stderr


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("S3_BUCKET", "Bad_Bucket"),
        ("SITE_URL", "www.example.org"),
        ("SITE_URL", "javascript:alert(1)"),
        ("SITE_URL", "https://x.example/?a=b"),
        ("UNSUBSCRIBE_KEYS", "short"),
        ("UNSUBSCRIBE_KEYS", "x" * 32 + ",short"),
        ("HASH_KEY", "short"),
        ("RECEIPT_KEY", "bm90IDMyIGJ5dGVz"),
        ("RECEIPT_KEY", "é"),
        ("METRICS_TOKEN", "short"),
        ("SENTRY_DSN", "nowhere"),
        ("MAILS_PER_HOUR", "7"),
        ("REFUSE_DISPOSABLE", "perhaps"),
        ("TURNSTILE_OUTAGE", "ignore"),
        ("MAIL_FROM", "nobody"),
        ("MAIL_FROM", "@"),
        ("MAIL_FROM", "x@"),
        ("MAIL_FROM", "Studio <not an address@"),
        ("MAIL_FROM", "Studio <guide@lumière.example>"),
        ("MAIL_FROM", "Ada, Studio <guide@studio.example>"),
        ("SITE_URL", "https://www.lumière.example"),
        ("DATABASE_URL", "mysql://secret@h/x"),
        ("MAIL_FROM", "a@x.example\r\nBcc: b@x.example"),
        ("POLICY_PATH", "https://elsewhere.example/privacy"),
        ("POLICY_PATH", "//elsewhere.example/privacy"),
        ("POSTAL_ADDRESS", "1 rue de la Lumière\nParis"),
        ("MONOGRAM", "five!"),
        ("REPLY_TO", "nobody"),
        ("MAIL_COLOUR", "red"),
        ("MAIL_COLOUR", "#ffcc00"),
        ("MAIL_COLOUR_DARK", "#333333"),
        ("TIME_ZONE", "Paris"),
        ("TIME_ZONE", "Europe"),
        ("TIME_ZONE", "/etc/passwd"),
        ("OWNER_MAIL", "nobody"),
        ("OWNER_MAIL", "Ada <ada@studio.example>"),
        ("TOKEN_HOURS", "0"),
        ("TOKEN_HOURS", "soon"),
        ("TOKEN_HOURS", "١"),
        ("PORT", "65536"),
        ("TRUSTED_PROXIES", "-1"),
        ("CORS_ORIGINS", "*"),
        ("LOG_LEVEL", "LOUD"),
        ("SES_CONFIGURATION_SET", "nonsense é"),
        ("SES_CONFIGURATION_SET", "x" * 65),
        ("TURNSTILE_HOSTNAMES", "https://www.studio.example"),
        ("TURNSTILE_HOSTNAMES", "www.studio.example, é"),
        ("HOST", "http://x"),
        ("HOST", "nonsense é"),
        ("WEBHOOK_ALLOW_HOSTS", "ftp://x y"),
        ("WEBHOOK_ALLOW_HOSTS", "n8n:http"),
        ("WEBHOOK_ALLOW_HOSTS", "n8n:5678/hook"),
        ("LEGACY_UNSUBSCRIBE_KEYS", "short"),
        ("LEGACY_UNSUBSCRIBE_KEYS", "a-real-former-secret, fallback-unsubscribe-secret"),
    ],
)
def test_a_wrong_value_is_refused_and_its_setting_named(name, value):
    with pytest.raises(ConfigError, match=name):
        Config.from_env({**VALID, name: value})


@pytest.mark.parametrize("name", ["STUDIO_NAME", "DATABASE_URL", "AWS_ACCESS_KEY_ID", "HASH_KEY"])
def test_a_value_that_is_not_utf_8_is_refused_and_not_repeated(name):
    # As Python reads the byte E9 from the environment.
    with pytest.raises(ConfigError) as caught:
        Config.from_env({**VALID, name: "caf\udce9" * 20})
    assert str(caught.value).startswith(f"{name} must be UTF-8 (")


def test_hosts_are_read_in_small_letters_with_or_without_a_port():
    hosts = "n8n:5678, N8N_web, crm.studio.example, [fd00::1]:80, 10.0.0.1,"
    config = Config.from_env({**VALID, "WEBHOOK_ALLOW_HOSTS": hosts})
    assert config.webhook_allow_hosts == {
        *("n8n:5678", "n8n_web", "crm.studio.example", "[fd00::1]:80", "10.0.0.1")
    }


def test_a_name_that_is_nearly_a_settings_is_found():
    given = ("SITEURL", "mail_from", "WEBHOOK_KEYS", "LOGLEVEL", "DATABASE_ULR")
    meant = ("SITE_URL", "MAIL_FROM", "WEBHOOK_KEY", "LOG_LEVEL", "DATABASE_URL")
    assert misspelt(dict.fromkeys(given, "x")) == dict(zip(given, meant, strict=True))


def test_names_of_other_programs_and_of_what_is_set_are_left_alone():
    others = ("HOSTNAME", "API_PORT", "PGHOST", "PATH", "S3_BUCKET_NAME", "AWS_REGION", "SITEURL")
    assert misspelt({**VALID, **dict.fromkeys(others, "x"), "POLICY_PATH_EN": "/x"}) == {}


def test_a_missing_setting_is_told_with_the_name_that_was_given_instead():
    with pytest.raises(ConfigError, match=r"^set SITE_URL; SITEURL is no setting"):
        Config.from_env({**VALID, "SITE_URL": "", "SITEURL": "https://secret.example"})


def test_values_are_typed_and_frozen():
    config = Config.from_env({**VALID, "TOKEN_HOURS": "1", "CORS_ORIGINS": "https://a.example, "})
    assert config.token_hours == timedelta(hours=1)
    assert config.cors_origins == ("https://a.example",)
    with pytest.raises(FrozenInstanceError):
        config.port = 1


def test_the_defaults_are_the_published_numbers():
    config = Config.from_env(VALID)
    assert config.token_hours == timedelta(hours=48)
    assert config.download_url_seconds == timedelta(minutes=15)
    assert config.cool_down_seconds == timedelta(minutes=5)
    assert (config.signups_per_hour, config.mails_per_mailbox) == (10, 3)
    assert config.mails_per_mailbox_days == timedelta(days=7)


def test_no_secret_is_in_a_configs_repr():
    assert SETTINGS["UNSUBSCRIBE_KEYS"] not in repr(Config.from_env(VALID))


def test_the_example_names_every_setting_with_its_true_default():
    text = path_of(".env.example").read_text()
    given = dict(re.findall(r"^(?:# )?([A-Z][A-Z0-9_]*)=(.*)$", text, re.M))
    ours = {
        each.name.upper(): each
        for cls in (Config, AdminConfig, MigrationConfig)
        for each in fields(cls)
    }
    others = {"AWS_DEFAULT_REGION", "MAILBOX_PORT", "POSTGRES_PASSWORD"}
    others |= {"LM_OWNER_PASSWORD", "LM_APP_PASSWORD"}
    assert given.keys() == ours.keys() | others
    for name, each in ours.items():
        if f"# {name}=" in text and given[name] and isinstance(each.default, int | str | timedelta):
            assert each.metadata["parse"](given[name]) == each.default, name


def test_every_setting_in_the_example_can_be_sourced_and_parses():
    text = path_of(".env.example").read_text()
    uncommented = re.sub(r"^# (?=[A-Z][A-Z0-9_]*=)", "", text, flags=re.M)
    shell = ["sh", "-euc", 'set -a; eval "$1"; exec env -0', "sh", uncommented]
    ran = subprocess.run(
        shell, env={"PATH": os.defpath}, capture_output=True, check=True, text=True
    )
    assert ran.stderr == ""
    given = dict(line.split("=", 1) for line in ran.stdout.split("\0") if line)
    assert given["MAIL_FROM"] == "Light & Shutter <guide@light-and-shutter.example>"
    Config.from_env({**given, "UNSUBSCRIBE_KEYS": "x" * 32, "HASH_KEY": "x" * 32})


@pytest.mark.parametrize(
    ("given", "header"),
    [
        ("guide@studio.example", "guide@studio.example"),
        ("Light & Shutter <guide@studio.example>", "Light & Shutter <guide@studio.example>"),
        ("Lumière <guide@studio.example>", "=?utf-8?q?Lumi=C3=A8re?= <guide@studio.example>"),
        ('"Ada, Studio" <guide@studio.example>', '"Ada, Studio" <guide@studio.example>'),
    ],
)
def test_the_sender_is_what_a_mails_header_takes(given, header):
    assert Config.from_env({**VALID, "MAIL_FROM": given}).mail_from == header


def test_a_wrong_database_address_is_not_repeated():
    with pytest.raises(ConfigError) as caught:
        Config.from_env({**VALID, "DATABASE_URL": "mysql://secret@h/x"})
    assert "secret" not in str(caught.value)


def test_a_lease_that_a_slow_answer_of_ses_outlasts_is_refused_in_one_sentence():
    settings = {**SETTINGS, "DATABASE_URL": "postgresql://localhost/x"}
    with pytest.raises(ConfigError) as caught:
        Config.from_env({**settings, "LEASE_SECONDS": "39"})
    assert "LEASE_SECONDS must be at least twice SES_TIMEOUT_SECONDS" in str(caught.value)
    assert Config.from_env({**settings, "LEASE_SECONDS": "40"})


@pytest.mark.parametrize("name", ["UNSUBSCRIBED_DAYS", "EXPIRED_TOKEN_DAYS"])
def test_not_me_cannot_outlive_the_record_of_it_or_the_link_that_lifts_it(name):
    settings = {**SETTINGS, "DATABASE_URL": "postgresql://localhost/x"}
    with pytest.raises(ConfigError) as caught:
        Config.from_env({**settings, name: "179"})
    assert str(caught.value) == f"NOT_ME_DAYS must not be longer than {name}"
    assert Config.from_env({**settings, name: "180"})
