"""What the contract shows of the public routes: made up, and of one piece."""

from __future__ import annotations

TOKEN = "Jd4dYg3mQ0m1r9o0m8n3X2v5b7c9A1s3D5f7G9h1J3k"  # noqa: S105 - an example's
SLUG = "guide-mariee-sereine"
MAGNET = {
    "slug": SLUG,
    "locale": "fr",
    "title": "Guide de la Mariée Sereine",
    "description": "Douze mois de préparatifs, une journée sans hâte.",
    "fileName": "Guide de la Mariée Sereine.pdf",
    "consentTexts": [
        {
            "id": "guide-mariee-sereine-delivery-fr-1",
            "purpose": "delivery",
            "required": True,
            "locale": "fr",
            "text": "J’accepte de recevoir par e-mail le Guide de la Mariée Sereine.",
            "policyVersion": "2026-11",
            "policyUrl": "https://www.example.org/confidentialite",
        }
    ],
}
SIGNUP = {"email": "ada@example.org", "consents": ["guide-mariee-sereine-delivery-fr-1"]}
LINK = {
    "status": "pending",
    "magnet": {key: MAGNET[key] for key in ("slug", "title", "fileName")},
    "email": "a•••@e•••.org",
    "purposes": ["delivery"],
    "locale": "fr",
    "expiresAt": "2026-11-24T10:00:00+00:00",
}
SUBSCRIPTION = {
    "status": "confirmed",
    "newsletter": True,
    "locale": "fr",
    "notMeDays": 180,
    "notMeUntil": None,
}
UNSUBSCRIBED = {
    **SUBSCRIPTION,
    "status": "unsubscribed",
    "newsletter": False,
    "notMeUntil": "2027-05-21T10:00:00+00:00",
}
