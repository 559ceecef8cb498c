"""Consent texts as data: a new wording is a new row, and the old one is taken for a while."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from leadmagnet.admin import magnets
from leadmagnet.admin.audit import OPERATOR
from tests.support.client import problem, sign_up
from tests.support.database import database_at
from tests.support.settings import API, DELIVERY

SLUG = "guide-mariee-sereine"
WORDS = "J’accepte de recevoir le guide par e-mail ; je peux tout faire effacer."


def add(leadmagnet, text=WORDS, **changes):
    options = {
        "magnet": SLUG,
        "purpose": "delivery",
        "locale": "fr",
        "policy-version": "2027-01",
        "policy-url": "https://www.light-and-shutter.example/confidentialite",
    } | changes
    flat = [part for name, value in options.items() for part in (f"--{name}", value)]
    return leadmagnet("texts", "add", *flat, "-", stdin=text)


def page(client):
    texts = client.get(f"{API}/magnets/{SLUG}").json["consentTexts"]
    return {text["id"]: text for text in texts}


def test_a_new_wording_takes_the_place_of_the_old_which_is_still_taken(
    client, database, leadmagnet
):
    new = f"{SLUG}-delivery-fr-2"
    assert add(leadmagnet).stdout == f"added {new}, retired {DELIVERY}\n"
    assert DELIVERY not in page(client)
    assert page(client)[new]["text"] == WORDS
    assert page(client)[new]["policyVersion"] == "2027-01"
    for number, text in enumerate((DELIVERY, new)):
        assert sign_up(client, f"a{number}@example.org", consents=[text]).status_code == 202
    events = database.rows("SELECT policy_version FROM lm_consent_events ORDER BY id")
    assert [event["policy_version"] for event in events] == ["2026-11", "2027-01"]


def test_a_retired_text_is_refused_after_its_grace(client, database, leadmagnet, superuser):
    assert leadmagnet("texts", "retire", DELIVERY).stdout == f"retired {DELIVERY}\n"
    superuser.execute("UPDATE lm_consent_texts SET retired_at = retired_at - interval '24 hours'")
    assert problem(sign_up(client)) == (422, "consent_unknown")
    assert leadmagnet("texts", "retire", DELIVERY).returncode == 1


def test_the_list_has_every_wording_to_the_letter(database, leadmagnet):
    add(leadmagnet)
    listed = leadmagnet("texts", "list").stdout
    for row in database.rows("SELECT id, text FROM lm_consent_texts"):
        assert row["id"] in listed
        assert row["text"] in listed
    assert re.search(f"^{DELIVERY} +20", listed, re.M)


def test_retired_is_for_good(database, leadmagnet):
    leadmagnet("texts", "retire", DELIVERY)
    with pytest.raises(Exception, match="cannot be changed"):
        database.rows("UPDATE lm_consent_texts SET retired_at = NULL")


@pytest.mark.parametrize(
    ("text", "changes", "code", "said"),
    [
        ("", {}, 1, "not empty"),
        ("a\nb", {}, 1, "one line"),
        ("\udcff", {}, 1, "UTF-8"),
        ("x" * 10_000, {}, 1, "at most 2000 characters"),
        (WORDS, {"magnet": "none"}, 1, "there is no magnet 'none'"),
        (WORDS, {"purpose": "sale"}, 2, "purpose"),
        (WORDS, {"locale": "de"}, 2, "locale"),
        (WORDS, {"policy-url": "javascript:x"}, 1, "policy's address"),
    ],
)
def test_what_is_no_text_is_refused_and_nothing_changes(
    database, leadmagnet, text, changes, code, said
):
    before = database.checksum()
    result = add(leadmagnet, text, **changes)
    assert (result.returncode, said in result.stderr) == (code, True), result.stderr
    assert database.checksum() == before


def test_the_same_text_is_added_once_however_many_add_it_at_once(server, database):
    owners = [database_at(server.url("lm_owner", database.name)) for _ in range(4)]
    told = Barrier(len(owners))

    def add_text(owner):
        owner.open()
        told.wait()
        return magnets.add_text(
            owner,
            OPERATOR,
            magnet=SLUG,
            purpose="delivery",
            locale="fr",
            text=WORDS,
            policy_version="2027-01",
            policy_url="https://www.light-and-shutter.example/confidentialite",
        )

    with ThreadPoolExecutor(len(owners)) as pool:
        outcomes = [pool.submit(add_text, owner) for owner in owners]
    for owner in owners:
        owner.close()
    refused = [error for each in outcomes if (error := each.exception())]
    assert [str(error) for error in refused] == [
        f"{SLUG}-delivery-fr-2 is this very text already: nothing was changed"
    ] * 3
    rows = database.rows("SELECT id FROM lm_consent_texts WHERE text = %s", WORDS)
    assert rows == [{"id": f"{SLUG}-delivery-fr-2"}]
    assert database.value("SELECT count(*) FROM lm_audit WHERE action = 'magnets:manage'") == 1


def test_the_same_words_under_a_new_policy_are_a_new_text(database, leadmagnet):
    add(leadmagnet)
    before = database.checksum()
    again = add(leadmagnet)
    assert (again.returncode, again.stdout) == (1, "")
    assert again.stderr.startswith(f"Error: {SLUG}-delivery-fr-2 is this very text already")
    assert database.checksum() == before
    under_another = add(leadmagnet, **{"policy-version": "2027-02"})
    assert under_another.stdout == f"added {SLUG}-delivery-fr-3, retired {SLUG}-delivery-fr-2\n"


def test_it_needs_the_owners_connection(leadmagnet, database):
    result = leadmagnet("texts", "list", MIGRATION_DATABASE_URL="")
    assert (result.returncode, "MIGRATION_DATABASE_URL" in result.stderr) == (1, True)
