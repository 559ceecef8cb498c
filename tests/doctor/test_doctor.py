"""The command as a whole: the page, the document, the end."""

from __future__ import annotations

import json
import re

from leadmagnet.config import Config
from tests.support.settings import ADA, SETTINGS


def test_it_prints_a_page_and_one_line_to_paste_for_what_is_wrong(
    leadmagnet, environment, database
):
    database.rows("GRANT DELETE ON lm_magnets TO lm_app")
    page = leadmagnet("doctor", "--category", "database", **environment)
    assert page.returncode == 1, page.stderr
    assert page.stderr == ""
    lines = page.stdout.splitlines()
    assert lines[:2] == ["", "database"]
    assert any(line.split()[:3] == ["ok", "server", "PostgreSQL"] for line in lines)
    wrong = next(n for n, line in enumerate(lines) if line.startswith("  fail     rights"))
    assert lines[wrong + 1].split(maxsplit=1) == ["fix:", "leadmagnet migrate"]
    assert lines[-1] == "8 ok, 0 warn, 1 fail, 0 skipped"


def test_it_ends_with_0_when_all_is_well_and_with_2_when_it_could_not_look(leadmagnet, environment):
    args = ("doctor", "--json", "--category", "database")
    well = leadmagnet(*args, **environment)
    assert well.returncode == 0, well.stdout
    assert {check["verdict"] for check in json.loads(well.stdout)["checks"]} == {"ok"}
    half = leadmagnet(*args, **environment, MIGRATION_DATABASE_URL="")
    assert half.returncode == 2
    assert json.loads(half.stdout)["exit"] == 2


def test_settings_that_cannot_be_read_are_the_one_thing_told(leadmagnet, environment):
    said = leadmagnet("doctor", **environment, HASH_KEY="", SITE_URL="nothing")
    assert said.returncode == 1
    assert "set HASH_KEY" in said.stdout
    assert "SITE_URL must be" in said.stdout
    assert "the settings cannot be read" in said.stdout
    assert "Traceback" not in said.stderr


def test_it_prints_no_secret_and_no_address(leadmagnet, environment, database, client):
    said = leadmagnet("doctor", "--json", **environment)
    assert json.loads(said.stdout)["checks"], said.stderr
    for secret in ("UNSUBSCRIBE_KEYS", "HASH_KEY"):
        assert SETTINGS[secret] not in said.stdout + said.stderr
    assert "@" not in said.stdout + said.stderr


def test_a_real_mail_goes_to_the_address_on_stdin_which_is_not_said(
    leadmagnet, environment, mailbox
):
    args = ("doctor", "--category", "database", "--mail-to", "-")
    said = leadmagnet(*args, stdin=f"{ADA}\n", **environment)
    assert re.search(r"ok +real mail +SES took it", said.stdout), said.stdout
    assert [mail["to"] for mail in mailbox.messages()] == [[ADA]]
    assert "@" not in said.stdout + said.stderr
    refused = leadmagnet(*args, stdin="nobody\n", **environment)
    assert (refused.returncode, "holds no e-mail address" in refused.stderr) == (2, True)


def test_fresh_secrets_are_settings_that_are_taken(leadmagnet):
    lines = leadmagnet("secrets").stdout.splitlines()
    fresh = dict(line.split("=", 1) for line in lines)
    names = ["UNSUBSCRIBE_KEYS", "HASH_KEY", "RECEIPT_KEY", "WEBHOOK_KEY", "METRICS_TOKEN"]
    assert list(fresh) == names
    assert len(set(fresh.values())) == 5
    config = Config.from_env({**SETTINGS, "DATABASE_URL": "postgresql://localhost/x", **fresh})
    assert config.metrics_token == fresh["METRICS_TOKEN"]
    assert leadmagnet("secrets").stdout.splitlines() != lines
