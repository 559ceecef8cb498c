"""A new HASH_KEY: what the former one wrote is recognised, and only the new one seals."""

from __future__ import annotations

from datetime import timedelta

import pytest
from click.testing import CliRunner

from leadmagnet.admin import keys
from leadmagnet.commands import main
from leadmagnet.consent import chain, ledger, seals
from leadmagnet.database import Database
from tests.support.client import client_of, sign_up
from tests.support.settings import DELIVERY, NEWSLETTER, SETTINGS
from tests.support.settling import settle

OLD = SETTINGS["HASH_KEY"]
NEW = "h2-" + "n" * 40
ROTATED = {"HASH_KEY": NEW, "FORMER_HASH_KEYS": OLD}


def seal(services):
    return seals.Sealer(services, settling_time=timedelta(0)).seal()


def ask(services, name):
    sign_up(client_of(services), f"{name}@example.org", consents=[DELIVERY, NEWSLETTER])
    settle(services)


@pytest.fixture
def rotate(server, database):
    def rotate(**settings):
        owner = server.url("lm_owner", database.name)
        given = {"MIGRATION_DATABASE_URL": owner, **ROTATED, **settings}
        return CliRunner().invoke(main, ["keys", "rotate-hash"], env=given)

    return rotate


def test_the_ledger_is_sealed_on_through_a_rotation_and_verifies_whole(start, rotate):
    old = start()
    ask(old, "ada")
    assert seal(old) == 2
    new = start(**ROTATED)
    ask(new, "bea")
    # Until the owner says so, processes with either key seal, and with the former one.
    assert seal(new) == 2
    assert ledger.verify(old).faults == []
    assert rotate().output == "HASH_KEY seals from now on\n"
    ask(new, "cleo")
    # Two events, and the row of the audit that says who rotated.
    assert seal(new) == 3
    assert ledger.verify(new).faults == []
    assert "made with another key" in ledger.verify(start(HASH_KEY=NEW)).faults[0]
    assert rotate().output == "nothing to do: HASH_KEY seals already\n"


def test_the_former_key_seals_nothing_after_the_new_one(start, rotate, superuser):
    new = start(**ROTATED)
    ask(start(), "ada")
    seal(start())
    rotate()
    ask(new, "bea")
    seal(new)
    rows = superuser.execute("SELECT * FROM lm_consent_seals ORDER BY position").fetchall()
    forged = chain.chain_hash(rows[-1], rows[-2]["chain_hash"], OLD.encode())
    last = rows[-1]["position"]
    superuser.execute(
        "UPDATE lm_consent_seals SET chain_hash = %s WHERE position = %s", [forged, last]
    )
    assert ledger.verify(new).faults == [f"seal {last} was altered, or made with another key"]


def test_a_key_that_never_sealed_cannot_hand_over(start, rotate):
    ask(start(), "ada")
    seal(start())
    refused = rotate(FORMER_HASH_KEYS="g" * 40)
    assert refused.exit_code == 1
    assert "not among FORMER_HASH_KEYS" in refused.stderr
    assert rotate(FORMER_HASH_KEYS="").exit_code == 1


def test_whoever_objected_before_the_rotation_is_not_written_to(
    client, mailbox, start, database, aws
):
    sign_up(client)
    mailbox.deliver()
    link = database.value("SELECT id FROM lm_subscribers")
    CliRunner().invoke(
        main,
        ["subscriber", "erase", str(link), "--reason", "person", "--object"],
        env={**SETTINGS, "DATABASE_URL": database.url},
    )
    assert database.count("lm_suppressions") == 1
    for settings, subscribers in ((ROTATED, 0), ({"HASH_KEY": NEW}, 1)):
        services = start(**settings)
        sign_up(client_of(services))
        settle(services)
        assert database.count("lm_subscribers") == subscribers


def test_a_key_of_the_admin_api_works_on(start, server, database):
    key = keys.make(start().random_bytes)
    owner = Database(server.url("lm_owner", database.name), size=1)
    owner.open()
    life = timedelta(days=1)
    keys.add(owner, name="ada", key=key, role="owner", life=life, hash_key=OLD.encode())
    owner.close()
    assert keys.find(start(**ROTATED), key)["name"] == "ada"
    assert keys.find(start(HASH_KEY=NEW), key) is None
