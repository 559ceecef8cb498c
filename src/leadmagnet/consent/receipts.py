"""The proof for one person: a consent receipt in the terms of ISO/IEC TS 27560, signed (Ed25519).

Verifying needs the file and the public key, no database. The signature is over the receipt in
canonical JSON (`canonical.py`).
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from datetime import datetime
from typing import Any
from uuid import UUID

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

from leadmagnet import strict_json
from leadmagnet.consent import canonical, ledger
from leadmagnet.database import Row
from leadmagnet.services import Services

SCHEMA = "ISO/IEC TS 27560:2023"
SERVICES = {
    "delivery": "Sending the guide that was asked for, by e-mail",
    "newsletter": "Sending advice by e-mail from time to time",
}
# Who acted, where it was not the person.
ACTORS = {"ses_event": "mail provider", "operator": "pii_controller"}
# What each kind of event makes of the consent.
STATES = {
    "signup": "requested",
    "resend": "requested",
    "confirm": "given",
    "unsubscribe": "withdrawn",
    "complaint": "withdrawn",
    "bounce": "unchanged",
    "import": "claimed by a former system",
}


class ReceiptError(Exception):
    """A key or a receipt that cannot be used or believed; the message says why."""


class ReceiptTooEarly(ReceiptError):
    """The latest event is not sealed yet."""


def signing_key(data: bytes) -> Ed25519PrivateKey:
    """The key of RECEIPT_KEY: a PEM, or the 32 bytes of a seed. Raises ReceiptError."""
    if len(data) == 32:
        return Ed25519PrivateKey.from_private_bytes(data)
    try:
        key = load_pem_private_key(data, password=None)
    except (ValueError, TypeError):
        raise ReceiptError("RECEIPT_KEY is not a PEM private key without password") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise ReceiptError("RECEIPT_KEY is not an Ed25519 key")
    return key


def public_key(text: str) -> Ed25519PublicKey:
    """A public key as we print it (base64 of its 32 bytes), or as a PEM. Raises ReceiptError."""
    try:
        if text.startswith("-----BEGIN "):
            key = load_pem_public_key(text.encode())
        else:
            key = Ed25519PublicKey.from_public_bytes(b64decode(text.strip(), validate=True))
    except ValueError:
        raise ReceiptError("this is no Ed25519 public key") from None
    if not isinstance(key, Ed25519PublicKey):
        raise ReceiptError("this is no Ed25519 public key")
    return key


def as_text(key: Ed25519PublicKey) -> str:
    return b64encode(key.public_bytes_raw()).decode()


def issue(services: Services, subscriber_id: UUID, key: Ed25519PrivateKey) -> dict[str, Any] | None:
    """The signed receipt of the subscriber; None where there is no subscriber by that id.

    Raises ReceiptError when an event is not as it was sealed, not sealed yet, or was recorded for
    another address than the subscriber has now.
    """
    row = services.database.one("receipt_facts", subscriber_id=subscriber_id)
    if row is None:
        return None
    try:
        faults = ledger.faults_of(services, subscriber_id)
    except ledger.NotSealedYet as error:
        raise ReceiptTooEarly(f"no receipt yet: {error}") from None
    if faults:
        raise ReceiptError("no receipt, because " + "; ".join(faults))
    config = services.config
    party = {
        "party_id": config.site_url,
        "party_name": config.controller_name,
        "party_address": config.postal_address,
        "party_contact": config.reply_to or config.mail_from,
    }
    receipt = _receipt(row, party)
    return _signed(receipt, key.public_key(), key.sign(canonical.encode(receipt)))


def verify(document: bytes, key: Ed25519PublicKey) -> dict[str, Any]:
    """The receipt in the signed document, if `key` signed it. Raises ReceiptError.

    The key named in the document is not believed: a forger would name their own. Nor is anything
    else in it that the signature does not cover: all of that must be as we write it.
    """
    try:
        signed = strict_json.parse_object(document)
        receipt = signed["receipt"]
        signature = b64decode(signed["signature"]["value"], validate=True)
        key.verify(signature, canonical.encode(receipt))
    except InvalidSignature:
        raise ReceiptError("not signed by this key, or altered since") from None
    except strict_json.DuplicateName:
        raise ReceiptError("a name stands in it twice: it can be read in two ways") from None
    except (ValueError, KeyError, TypeError, RecursionError):
        raise ReceiptError("this is no signed receipt") from None
    if signed != _signed(receipt, key, signature):
        raise ReceiptError(
            "this key signed the receipt, but something beside it in the file is altered or added"
        )
    found: dict[str, Any] = receipt
    return found


def _signed(receipt: dict[str, Any], key: Ed25519PublicKey, signature: bytes) -> dict[str, Any]:
    return {
        "receipt": receipt,
        "signature": {
            "algorithm": "Ed25519",
            "canonicalization": "RFC 8785",
            "public_key": as_text(key),
            "value": b64encode(signature).decode(),
        },
    }


def _receipt(row: Row, party: dict[str, str]) -> dict[str, Any]:
    issued_at: datetime = row["issued_at"]
    return {
        "receipt_metadata": {
            "schema_version": SCHEMA,
            "receipt_id": f"{row['id']}/{issued_at.isoformat()}",
            "issued_at": issued_at.isoformat(),
        },
        "record_header": {
            "schema_version": SCHEMA,
            "record_id": str(row["id"]),
            "pii_principal_id": row["email"],
        },
        "pii_processing": [_processing(text, party) for text in _texts(row["events"])],
        "party_identification": [{**party, "party_role": "PII controller"}],
        "events": [_event(event) for event in row["events"]],
        # Beside what TS 27560 names. Not part of the ledger: this receipt's signature covers it.
        "files_handed_out": row["files"],
        "record_state": row["status"],
    }


def _texts(events: list[Row]) -> list[Row]:
    """Each text once, in the order in which they were agreed to."""
    named = [event for event in events if event["consent_text_id"]]
    return list({event["consent_text_id"]: event for event in reversed(named)}.values())[::-1]


def _processing(text: Row, party: dict[str, str]) -> dict[str, Any]:
    return {
        "privacy_notice": text["policy_url"],
        "privacy_notice_version": text["policy_version"],
        "language": text["locale"],
        "notice_id": text["consent_text_id"],
        "notice_wording": text["text"],
        "notice_wording_sha256": text["text_hash"],
        "purposes": [
            {
                "purpose": SERVICES[text["purpose"]],
                "purpose_type": text["purpose"],
                "lawful_basis": "consent, GDPR article 6(1)(a)",
                "services": [text["magnet"]],
                "pii_information": [{"pii_type": "e-mail address", "pii_optional": False}],
                "pii_controllers": [party["party_id"]],
                "collection_method": _collection(text["claim"]),
                "withdrawal_method": "the link in every mail, in one click",
                "jurisdiction": "EU",
            }
        ],
    }


def _collection(claim: dict[str, Any] | None) -> str:
    if claim:
        return (
            f"imported: evidence of a former system ({claim['system']}), not recorded by this one"
        )
    return "form on the site, confirmed from the mailbox (double opt-in)"


def _event(event: Row) -> dict[str, Any]:
    # Of an import the time is that of the import; what it claims, the time included, is beside it.
    claimed = {"claim": event["claim"]} if event["claim"] else {}
    entity = ACTORS.get(event["gesture"], "pii_principal")
    return {
        **claimed,
        "event_id": event["id"],
        "event_time": event["occurred_at"],
        "event_type": event["type"],
        "event_state": STATES[event["type"]],
        "gesture": event["gesture"],
        "purpose_type": event["purpose"],
        "notice_id": event["consent_text_id"],
        "entity_id": event["claim"]["system"] if claimed else entity,
    }
