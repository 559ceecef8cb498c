"""Receipts: the proof for one person, signed, and verified where there is no database."""

from __future__ import annotations

import json
import os
import string
import subprocess
import sys
from base64 import b64encode
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from leadmagnet.consent import canonical, receipts, seals
from tests.support.client import confirm, sign_up
from tests.support.settings import ADA, API, DELIVERY, NEWSLETTER, SETTINGS

SEED = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
KEY = {"RECEIPT_KEY": SEED}


@pytest.fixture
def shown(client, mailbox, database, services, leadmagnet):
    sign_up(client, consents=[DELIVERY, NEWSLETTER])
    confirm(client, mailbox.deliver().token())
    client.post(f"{API}/unsubscribe/{mailbox.unsubscribe_token()}", json={"purpose": "newsletter"})
    subscriber_id = str(database.value("SELECT id FROM lm_subscribers"))
    seals.Sealer(services, settling_time=timedelta()).seal()
    result = leadmagnet("receipt", "show", subscriber_id, **KEY)
    assert result.returncode == 0, result.stderr
    return result.stdout


@pytest.fixture
def public_key():
    """Of the seed; what the command prints, see `test_a_pem_is_as_good_as_a_seed`."""
    return receipts.as_text(Ed25519PrivateKey.from_private_bytes(bytes(range(32))).public_key())


def verify(path, public_key):
    """In a process that knows of no database and no setting."""
    return subprocess.run(
        [sys.executable, "-m", "leadmagnet", "receipt", "verify", path, "--public-key", public_key],
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
    )


def test_a_receipt_verifies_without_database_and_settings(shown, public_key, tmp_path):
    (tmp_path / "receipt.json").write_text(shown, encoding="utf-8")
    result = verify(tmp_path / "receipt.json", public_key)
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith(f"valid: {ADA}, issued 20")


def test_it_says_who_when_which_words_for_what_by_which_gestures(shown, database):
    receipt = json.loads(shown)["receipt"]
    assert receipt["record_header"]["schema_version"] == "ISO/IEC TS 27560:2023"
    assert receipt["record_header"]["pii_principal_id"] == ADA
    texts = {row["id"]: row for row in database.rows("SELECT * FROM lm_consent_texts")}
    assert [each["notice_id"] for each in receipt["pii_processing"]] == [DELIVERY, NEWSLETTER]
    for each in receipt["pii_processing"]:
        text = texts[each["notice_id"]]
        assert each["notice_wording"] == text["text"]
        assert each["notice_wording_sha256"] == text["text_hash"].hex()
        assert each["privacy_notice_version"] == text["policy_version"]
        (purpose,) = each["purposes"]
        assert purpose["purpose_type"] == text["purpose"]
    steps = [
        (event["event_state"], event["gesture"], event["purpose_type"])
        for event in receipt["events"]
    ]
    assert steps == [
        ("requested", "signup_form", "delivery"),
        ("requested", "signup_form", "newsletter"),
        ("given", "confirm_button", "delivery"),
        ("given", "confirm_button", "newsletter"),
        ("withdrawn", "unsubscribe_button", "newsletter"),
    ]
    for event in receipt["events"]:
        assert event["event_time"].endswith("+00:00")
    (file,) = receipt["files_handed_out"]
    assert file["sha256"] == database.value("SELECT encode(sha256, 'hex') FROM lm_magnet_files")
    assert (file["service"], file["times"]) == ("guide-mariee-sereine", 1)
    (party,) = receipt["party_identification"]
    assert party["party_name"] == "Light & Shutter"
    assert party["party_address"] == "1 rue de la Lumière, 75011 Paris"


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace(ADA, "bob@example.org"),
        lambda text: text.replace('"withdrawn"', '"given"'),
        lambda text: text.replace("2026-11", "2027-11"),
        lambda text: text.replace("J’accepte", "J'accepte", 1),
    ],
)
def test_any_change_is_refused(shown, public_key, change):
    changed = change(shown)
    assert changed != shown
    with pytest.raises(receipts.ReceiptError, match="altered"):
        receipts.verify(changed.encode(), receipts.public_key(public_key))


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace(
            f'": "{ADA}"', f'": "eve@example.org", "pii_principal_id": "{ADA}"'
        ),
        lambda text: text.replace('{\n  "receipt"', '{"receipt": {}, "receipt"', 1),
        lambda text: text.replace('"value"', '"value": "", "value"'),
        lambda text: text.replace('"value"', '"\\u0076alue": "", "value"'),
    ],
)
def test_what_can_be_read_in_two_ways_is_refused(shown, public_key, change):
    changed = change(shown)
    assert changed != shown
    with pytest.raises(receipts.ReceiptError, match="stands in it twice"):
        receipts.verify(changed.encode(), receipts.public_key(public_key))


def with_other_bits(value):
    """Of the last character before `==`, base64 has no use for the last four bits."""
    alphabet = string.ascii_uppercase + string.ascii_lowercase + string.digits + "+/"
    return f"{value[:-3]}{alphabet[alphabet.index(value[-3]) + 1]}=="


UNSIGNED = {
    "a key of somebody else": lambda document: document["signature"].update(public_key="A" * 44),
    "another algorithm": lambda document: document["signature"].update(algorithm="none"),
    "another form": lambda document: document["signature"].update(canonicalization="none"),
    "a member less": lambda document: document["signature"].pop("canonicalization"),
    "a member more": lambda document: document["signature"].update(signed_at="2020-01-01"),
    "a note": lambda document: document.update(note="she never agreed"),
    "the same signature in other characters": lambda document: document["signature"].update(
        value=with_other_bits(document["signature"]["value"])
    ),
}


@pytest.mark.parametrize("change", UNSIGNED.values(), ids=UNSIGNED.keys())
def test_nothing_stands_beside_a_valid_receipt_that_nobody_has_signed(shown, public_key, change):
    document = json.loads(shown)
    change(document)
    with pytest.raises(receipts.ReceiptError, match="something beside it"):
        receipts.verify(json.dumps(document).encode(), receipts.public_key(public_key))


def test_another_form_of_the_same_json_is_the_same_receipt(shown, public_key):
    again = json.dumps(json.loads(shown), ensure_ascii=True, sort_keys=True)
    assert receipts.verify(again.encode(), receipts.public_key(public_key))


def test_the_key_that_a_document_names_is_not_believed(shown, public_key):
    forger = Ed25519PrivateKey.generate()
    document = json.loads(shown)
    document["receipt"]["record_state"] = "complained"
    signature = forger.sign(canonical.encode(document["receipt"]))
    document["signature"]["public_key"] = receipts.as_text(forger.public_key())
    document["signature"]["value"] = b64encode(signature).decode()
    with pytest.raises(receipts.ReceiptError):
        receipts.verify(json.dumps(document).encode(), receipts.public_key(public_key))


# What an owner of the database changes before a receipt is asked for, and what then prevents it.
SWAPS = {
    "another address": (
        "UPDATE lm_subscribers SET email = 'victim@example.org'",
        "was recorded for another address",
    ),
    "another address, and its digest": (
        "UPDATE lm_subscribers SET email = 'victim@example.org';"
        " UPDATE lm_consent_events SET address_digest = sha256(salt || 'victim@example.org')",
        "was altered",
    ),
    "seals removed": ("DELETE FROM lm_consent_seals", "is not sealed yet"),
    "a newsletter": ("UPDATE lm_subscribers SET newsletter = true", "gets the newsletter"),
    "another policy": (
        "UPDATE lm_consent_texts SET policy_url = 'https://example.org/other'",
        "or its policy",
    ),
}


@pytest.mark.parametrize(("statements", "reason"), SWAPS.values(), ids=SWAPS.keys())
def test_no_receipt_is_signed_over_what_was_changed(
    shown, database, superuser, leadmagnet, statements, reason
):
    for statement in statements.split(";"):
        superuser.execute(statement)
    subscriber_id = str(database.value("SELECT id FROM lm_subscribers"))
    result = leadmagnet("receipt", "show", subscriber_id, **KEY)
    assert (result.returncode, result.stdout) == (1, "")
    assert reason in result.stderr


NO_RECEIPTS = ["", "[]", "{}", '{"receipt": {}}', "x", "[" * 99_999, "null", "\udcff"]


def test_what_is_no_receipt_is_refused_without_a_traceback(leadmagnet, public_key, subtests):
    for text in NO_RECEIPTS:
        with subtests.test(ascii(text)):
            result = leadmagnet("receipt", "verify", "-", "--public-key", public_key, stdin=text)
            assert result.returncode == 1
            assert result.stderr == "Error: this is no signed receipt\n"


@pytest.mark.parametrize("key", ["", "x", "AAAA", "é", "-----BEGIN PUBLIC KEY-----\nx"])
def test_what_is_no_public_key_is_refused(key):
    with pytest.raises(receipts.ReceiptError, match="no Ed25519 public key"):
        receipts.public_key(key)


def test_a_pem_is_as_good_as_a_seed(leadmagnet, public_key):
    key = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    for form in (SEED, pem, pem.replace("\n", "\\n")):
        result = leadmagnet("receipt", "public-key", RECEIPT_KEY=form)
        assert result.stdout.strip() == public_key, result.stderr
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    assert receipts.as_text(receipts.public_key(public.decode())) == public_key


def test_the_public_key_needs_the_key_alone(leadmagnet, public_key):
    nothing_else = dict.fromkeys([*SETTINGS, "DATABASE_URL", "MIGRATION_DATABASE_URL"], "")
    result = leadmagnet("receipt", "public-key", **nothing_else, **KEY)
    assert result.stdout.strip() == public_key, result.stderr


def test_without_a_key_the_command_says_what_to_set(leadmagnet):
    result = leadmagnet("receipt", "public-key")
    assert (result.returncode, result.stderr[:24]) == (1, "Error: set RECEIPT_KEY (")


def test_a_person_is_found_by_the_address(shown, leadmagnet):
    by_address = leadmagnet("receipt", "show", "--address-file", "-", stdin=ADA, **KEY)
    assert by_address.returncode == 0, by_address.stderr
    assert json.loads(by_address.stdout).keys() == json.loads(shown).keys()
    assert f'"pii_principal_id": "{ADA}"' in by_address.stdout


def test_who_is_not_there_has_no_receipt(leadmagnet):
    nobody = "0199f3a2-7c11-7d2e-8f3a-5b6c7d8e9f01"
    result = leadmagnet("receipt", "show", nobody, **KEY)
    assert (result.returncode, result.stderr) == (1, "Error: there is no such subscriber\n")
    assert leadmagnet("receipt", "show", "x", **KEY).returncode == 2


def test_the_canonical_form_is_that_of_rfc_8785():
    # Its section 3.2.2 and 3.2.3, for the values that we use.
    value = {"b": [True, None, 17], "a": '€$\u000f\nA\'B"\\\\"/é'}
    expected = '{"a":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/é","b":[true,null,17]}'
    assert canonical.encode(value) == expected.encode()
    with pytest.raises(ValueError, match="Out of range"):
        canonical.encode({"x": float("nan")})
