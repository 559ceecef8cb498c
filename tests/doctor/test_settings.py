"""The settings' preconditions, each broken."""

from __future__ import annotations

import secrets
from datetime import timedelta

import pytest

from leadmagnet.admin.settings import AdminConfig
from leadmagnet.consent import seals
from tests.admin.test_oidc import DOCUMENTS, SETTINGS, URL
from tests.support.client import sign_up

REAL = {
    "UNSUBSCRIBE_KEYS": secrets.token_hex(32),
    "HASH_KEY": secrets.token_hex(32),
    "SITE_URL": "https://www.studio.photo",
    "API_URL": "https://api.studio.photo",
    "MAIL_FROM": "Studio <guide@studio.photo>",
    "SNS_TOPICS": "arn:aws:sns:eu-west-3:123456789012:leadmagnet-ses-events",
    "TRUSTED_PROXIES": "1",
}
KEY = secrets.token_hex(32)


@pytest.fixture
def settings(look, start):
    """One check of the settings, with these changed."""
    return lambda check, **changes: look("settings", check, services=start(**(REAL | changes)))


@pytest.mark.parametrize(
    "check",
    ["names", "keys", ".env", "addresses", "aws", "events", "proxies", "templates", "admin"],
)
def test_settings_of_a_real_service_are_well(settings, check):
    assert settings(check).verdict == "ok"


@pytest.mark.parametrize(
    ("check", "changes", "verdict", "said"),
    [
        ("keys", {"HASH_KEY": "x" * 40}, "fail", "HASH_KEY is not random"),
        ("keys", {"METRICS_TOKEN": KEY, "HASH_KEY": KEY}, "fail", "are the same"),
        ("keys", {"WEBHOOK_KEY": "x" * 40}, "fail", "WEBHOOK_KEY is not random"),
        ("keys", {"WEBHOOK_KEY": KEY, "HASH_KEY": KEY}, "fail", "are the same"),
        ("keys", {"LEGACY_UNSUBSCRIBE_KEYS": KEY, "HASH_KEY": KEY}, "fail", "are the same"),
        ("keys", {"LEGACY_UNSUBSCRIBE_KEYS": "password1"}, "warn", "can be guessed"),
        ("addresses", {"SITE_URL": "http://www.studio.photo"}, "fail", "SITE_URL is not https"),
        ("addresses", {"SITE_URL": "http://localhost:3000"}, "warn", "SITE_URL is only good on"),
        ("addresses", {"MAIL_FROM": "guide@studio.example"}, "warn", "MAIL_FROM is only good on"),
        ("events", {"SNS_TOPICS": ""}, "fail", "SNS_TOPICS is empty"),
        ("proxies", {"TRUSTED_PROXIES": "0"}, "warn", "all visitors count as one network"),
        ("witness", {}, "warn", "only in the database"),
        ("witness", {"LEDGER_HEAD_FILE": "/"}, "fail", "cannot be read (Is a directory)"),
        ("witness", {"LEDGER_HEAD_FILE": __file__}, "fail", "holds something else"),
    ],
)
def test_what_is_wrong_is_told_without_its_value(settings, check, changes, verdict, said):
    found = settings(check, **changes)
    assert found.verdict == verdict
    assert said in found.said
    assert found.fix
    assert KEY not in found.said + found.fix
    assert "@" not in found.said + found.fix


def test_the_kept_end_is_looked_for_in_the_ledger(
    client, start, settings, superuser, leadmagnet, tmp_path
):
    path = tmp_path / "head"

    def said():
        found = settings("witness", LEDGER_HEAD_FILE=str(path))
        return found.verdict, found.said

    def verified():
        return leadmagnet("ledger", "verify", LEDGER_HEAD_FILE=str(path))

    nothing_yet = "nothing is sealed yet; the first seal makes LEDGER_HEAD_FILE"
    assert said() == ("ok", nothing_yet)
    sign_up(client)
    seals.Sealer(start(LEDGER_HEAD_FILE=str(path)), settling_time=timedelta()).seal()
    assert said() == ("ok", "seal 1 is kept outside of the database, and still there")
    kept = path.read_text()
    path.write_text(f"1:{'0' * 64}")
    assert said() == ("fail", "seal 1, which LEDGER_HEAD_FILE names, was removed or made anew")
    path.unlink()
    assert said() == ("fail", "there are seals, and LEDGER_HEAD_FILE is not there")
    assert "Note: LEDGER_HEAD_FILE is not there" in verified().stderr
    path.mkdir()
    assert verified().stderr == (
        "Error: LEDGER_HEAD_FILE cannot be read (Is a directory): it must name a file that the"
        " worker may read and replace\n"
    )
    path.rmdir()
    path.write_text(kept)
    assert (verified().returncode, verified().stderr) == (0, "")
    superuser.execute("DELETE FROM lm_consent_seals")
    assert said() == ("fail", "seal 1, which LEDGER_HEAD_FILE names, was removed or made anew")


def test_names_that_are_nearly_a_settings_are_told(look):
    found = look("settings", "names", misspelt={"SITEURL": "SITE_URL", "MAILFROM": "MAIL_FROM"})
    assert (found.verdict, found.said) == (
        "warn",
        "SITEURL is no setting: SITE_URL?; MAILFROM is no setting: MAIL_FROM?",
    )


def test_an_env_file_that_others_read_is_told(look, given):
    given.env_file.touch(mode=0o644)
    found = look("settings", ".env")
    assert (found.verdict, found.fix) == ("fail", f"chmod 600 {given.env_file}")
    given.env_file.chmod(0o600)
    assert look("settings", ".env").verdict == "ok"


def test_a_missing_region_is_told(settings, monkeypatch):
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    found = settings("aws")
    assert found.verdict == "fail"
    assert "AWS_REGION" in found.fix


def test_a_profile_that_is_not_there_is_told(settings, tmp_path, monkeypatch):
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_PROFILE", "studio")
    found = settings("aws")
    assert (found.verdict, found.fix) == ("fail", "correct it, or unset it")
    assert found.said.startswith("AWS_PROFILE")


def test_templates_that_were_changed_since_the_start_are_told(settings, tmp_path):
    (tmp_path / "shared.fr.jinja").write_text("{{ discount }}")
    found = settings("templates", MAIL_TEMPLATES=str(tmp_path))
    assert found.verdict == "fail"
    assert "shared.fr.jinja, line 1" in found.said


@pytest.fixture
def admin(look):
    """The check of the admin API, with these settings of it."""

    def admin(**changes):
        config = AdminConfig.from_env({"ADMIN_API": "true", **changes})
        return look("settings", "admin", admin=config)

    return admin


def test_an_issuer_whose_keys_can_be_had_is_well(admin, web):
    for url, document in DOCUMENTS.items():
        web.get(url, json=document)
    assert admin().said == "on, for the holders of keys"
    assert admin(**SETTINGS).said == "on, and its issuer publishes 2 keys"


@pytest.mark.parametrize(
    ("changes", "asked"),
    [({}, f"{URL}/.well-known/openid-configuration"), ({"OIDC_JWKS_URL": f"{URL}/k"}, f"{URL}/k")],
)
def test_an_issuer_that_does_not_answer_is_told_with_what_to_ask(admin, web, changes, asked):
    web.get(asked, status=404)
    found = admin(**SETTINGS, **changes)
    assert (found.verdict, found.fix) == ("fail", f"curl -sSf {asked}")
    web.replace("GET", asked, json={"keys": []})
    assert admin(**SETTINGS, **changes).verdict == "fail"
