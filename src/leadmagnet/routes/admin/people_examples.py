"""Examples of what the admin API answers about people, for openapi.yaml."""

from leadmagnet.routes.admin.blueprint import SUBSCRIBER, WHEN

SHA256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
ADA = {
    "id": SUBSCRIBER,
    "email": "ada@example.org",
    "status": "confirmed",
    "newsletter": True,
    "source": "instagram",
    "locale": "fr",
    "createdAt": WHEN,
    "confirmedAt": WHEN,
}
STORY = {
    "subscriber": {
        **ADA,
        "statusAt": WHEN,
        "newsletterAt": WHEN,
        "askedAt": WHEN,
        "privacyAskedAt": None,
        "notMeAt": None,
    },
    "events": [
        {
            "id": 12,
            "type": "signup",
            "purpose": "newsletter",
            "gesture": "signup_form",
            "occurredAt": WHEN,
            "textId": "guide-mariee-sereine-newsletter-fr-1",
            "text": "Je veux aussi recevoir la newsletter.",
            "locale": "fr",
            "policyVersion": "2026-11",
            "policyUrl": "https://www.example.org/confidentialite",
            "seal": 12,
            "sealedAt": WHEN,
            "claim": None,
            "ip": "192.0.2.1",
            "userAgent": "Mozilla/5.0",
        }
    ],
    "mails": [
        {
            "id": 7,
            "kind": "confirm",
            "magnet": "guide-mariee-sereine",
            "state": "sent",
            "reason": None,
            "sentence": None,
            "createdAt": WHEN,
            "sentAt": WHEN,
            "linksUsed": 1,
            "provider": [{"type": "Delivery", "detail": None, "at": WHEN}],
        }
    ],
    "files": [
        {
            "magnet": "guide-mariee-sereine",
            "sha256": SHA256,
            "sizeBytes": 2481152,
            "firstAt": WHEN,
            "times": 1,
        }
    ],
    "actions": ["erase", "unsubscribe"],
}
RECEIPT = {
    "receipt_metadata": {
        "schema_version": "ISO/IEC TS 27560:2023",
        "receipt_id": f"{SUBSCRIBER}/{WHEN}",
        "issued_at": WHEN,
    },
    "record_header": {
        "schema_version": "ISO/IEC TS 27560:2023",
        "record_id": SUBSCRIBER,
        "pii_principal_id": "ada@example.org",
    },
    "pii_processing": [
        {
            "privacy_notice": "https://www.example.org/confidentialite",
            "privacy_notice_version": "2026-11",
            "language": "fr",
            "notice_id": "guide-mariee-sereine-newsletter-fr-1",
            "notice_wording": "Je veux aussi recevoir la newsletter.",
            "notice_wording_sha256": SHA256,
            "purposes": [
                {
                    "purpose": "Sending advice by e-mail from time to time",
                    "purpose_type": "newsletter",
                    "lawful_basis": "consent, GDPR article 6(1)(a)",
                    "services": ["guide-mariee-sereine"],
                    "pii_information": [{"pii_type": "e-mail address", "pii_optional": False}],
                    "pii_controllers": ["https://www.example.org"],
                    "collection_method": "form on the site, confirmed from the mailbox"
                    " (double opt-in)",
                    "withdrawal_method": "the link in every mail, in one click",
                    "jurisdiction": "EU",
                }
            ],
        }
    ],
    "party_identification": [
        {
            "party_id": "https://www.example.org",
            "party_name": "Studio Example",
            "party_address": "1 rue de l’Exemple, 75001 Paris",
            "party_contact": "studio@example.org",
            "party_role": "PII controller",
        }
    ],
    "events": [
        {
            "event_id": 12,
            "event_time": WHEN,
            "event_type": "signup",
            "event_state": "requested",
            "gesture": "signup_form",
            "purpose_type": "newsletter",
            "notice_id": "guide-mariee-sereine-newsletter-fr-1",
            "entity_id": "pii_principal",
        }
    ],
    "files_handed_out": [
        {
            "service": "guide-mariee-sereine",
            "sha256": SHA256,
            "size_bytes": 2481152,
            "first_time": WHEN,
            "times": 1,
        }
    ],
    "record_state": "confirmed",
}
SIGNATURE = {
    "algorithm": "Ed25519",
    "canonicalization": "RFC 8785",
    "public_key": "iojj3XQJ8ZX9UtstPLpdcspnCb8dlBIb83SIAbQPb1w=",
    "value": "MTdIHQPykgUEoG8CmPxuvyqIbO1xHVG6IXULfJfM5Pr7"
    "TDudlC38l9hrlJn+V5q43Q1PbJRVcp/e3bXZPAOQBQ==",
}
