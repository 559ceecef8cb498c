"""What an operator does by command stands in the audit, as what the admin API does."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import timedelta

import pytest

from leadmagnet.admin.roles import ACTIONS
from leadmagnet.admin.roles import OWNER as PERMISSIONS
from leadmagnet.consent import seals
from tests.support.client import confirm, sign_up
from tests.support.settings import ADA, SETTINGS

KEYS = {
    "RECEIPT_KEY": "k" * 43 + "=",
    "WEBHOOK_KEY": "k" * 64,
    "WEBHOOK_ALLOW_HOSTS": "127.0.0.1:9",
}


@pytest.fixture
def ada(client, mailbox, services):
    """Signed up, confirmed and sealed; her id."""
    sign_up(client)
    confirm(client, mailbox.deliver().token())
    seals.Sealer(services, settling_time=timedelta()).seal()
    return str(mailbox.unsubscribe_token()).partition(".")[0]


def test_every_act_by_command_is_in_the_audit(leadmagnet, owner, ada, database, tmp_path):
    database.rows(
        "INSERT INTO lm_subscribers (email, locale, asked_consents, asked_at)"
        " VALUES ('old@example.org', 'fr', '{}', now() - interval '1 year')"
    )
    log = tmp_path / "api.log"
    log.write_text('{"at": "2026-11-28T03:00:00+00:00", "event": "worker_started"}')
    acts = {
        "keys add phone --role viewer": ("keys:manage", {"act": "add", "key": "phone"}),
        "keys revoke phone": ("keys:manage", {"act": "revoke", "key": "phone"}),
        "mails pause": ("mails:pause", {}),
        "mails resume": ("mails:resume", {"mails": 0}),
        "mails retry --all": ("mails:retry", {"all": True}),
        "requests retry --all": ("requests:retry", {"requests": 0}),
        "webhooks add crm http://127.0.0.1:9/in": ("webhooks:manage", {"act": "add"}),
        "magnets change guide-mariee-sereine --title-en Another": (
            "magnets:manage",
            {"act": "change"},
        ),
        f"subscriber show {ada}": ("subscribers:inspect", {}),
        f"receipt show {ada}": ("subscribers:receipt", {}),
        f"subscriber unsubscribe {ada}": ("subscribers:unsubscribe", {}),
        f"subscriber erase {ada} --reason person": (
            "subscribers:erase",
            {"reason": "person_asked", "objected": False},
        ),
        "erasures reapply": ("erasures:reapply", {"erased": 0}),
        f"replay --since 2026-01-01 {log}": ("subscribers:replay", {}),
        "purge": ("subscribers:purge", {"unconfirmed_subscribers": 1}),
    }
    said = []
    for line in acts:
        ran = leadmagnet(*line.split(), **KEYS)
        assert ran.returncode == 0, (line, ran.stderr)
        said.append(ran.stdout.strip())
    page = owner.get("/audit?limit=200")
    rows = [row for row in reversed(page.json["items"]) if row["actor"] == "operator"]
    assert [row["action"] for row in rows] == [action for action, _ in acts.values()]
    for row, (_, detail) in zip(rows, acts.values(), strict=True):
        assert row["detail"].items() >= detail.items()
        about_her = row["action"] in PERMISSIONS and row["action"].startswith("subscribers:")
        assert row["subscriberId"] == (ada if about_her else None)
    assert {row["action"] for row in rows} <= ACTIONS
    key, secret = said[0], said[6]
    for private in (key, secret, ADA):
        assert private and private not in page.text


@pytest.fixture
def shown_nowhere(server, database):
    """Runs a command whose output finds a full disk."""

    def run(*args):
        url = server.url("lm_owner", database.name)
        environment = os.environ | SETTINGS | KEYS
        environment |= {"DATABASE_URL": database.url, "MIGRATION_DATABASE_URL": url}
        command = [sys.executable, "-m", "leadmagnet", *args]
        with open("/dev/full", "w") as full:
            return subprocess.run(command, env=environment, stdout=full, stderr=subprocess.PIPE)

    return run


def test_no_secret_is_left_that_nobody_has_seen(leadmagnet, database, shown_nowhere):
    added = leadmagnet("webhooks", "add", "crm", "http://127.0.0.1:9/in", **KEYS)
    assert added.returncode == 0, added.stderr
    before = database.checksum()
    for line in (
        "keys add phone --role owner",
        "webhooks add shop http://127.0.0.1:9/in",
        "webhooks rotate crm",
    ):
        assert shown_nowhere(*line.split()).returncode != 0, line
        assert database.checksum() == before, line


def test_what_a_command_was_refused_is_not_in_the_audit(leadmagnet, database):
    for line in ("keys revoke nobody", "mails drop 000000000000", "webhooks ping nobody"):
        assert leadmagnet(*line.split()).returncode == 1
    assert database.count("lm_audit") == 0
