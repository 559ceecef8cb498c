"""A person's rights, by a link that only their mailbox receives."""

from __future__ import annotations

from typing import Any

from leadmagnet.funnel import requests
from leadmagnet.rights import privacy, retention
from leadmagnet.web.context import context, services
from leadmagnet.web.contract import Blueprint, accepted_with, token_example
from leadmagnet.web.messages import PRIVACY_ASKED
from leadmagnet.web.privacy_schemas import (
    ErasedSchema,
    EraseSchema,
    ExportSchema,
    PrivacyLinkSchema,
    PrivacyRequestSchema,
)
from leadmagnet.web.problems import language
from leadmagnet.web.public_examples import TOKEN
from leadmagnet.web.schemas import AcceptedSchema, TokenSchema

WHEN = "2026-11-22T10:15:00+00:00"
TEXT_ID = "guide-mariee-sereine-delivery-fr-1"
HELD = {
    "exportedAt": WHEN,
    "keptDays": {
        "pending": 30,
        "confirmed": 1095,
        "context": 365,
        "requests": 30,
        "links": 180,
        "webhookEvents": 30,
    },
    "subscriber": {
        "id": "0199f3a2-7c11-7d2e-8f3a-5b6c7d8e9f01",
        "email": "ada@example.org",
        "status": "confirmed",
        "newsletter": False,
        "locale": "fr",
        "askedConsents": [TEXT_ID],
        "confirmedAt": WHEN,
        "createdAt": WHEN,
    },
    "consentEvents": [
        {
            "id": 17,
            "type": "confirm",
            "purpose": "delivery",
            "consentTextId": TEXT_ID,
            "text": "J’accepte de recevoir par e-mail le Guide de la Mariée Sereine.",
            "policyVersion": "2026-11",
            "locale": "fr",
            "gesture": "confirm_button",
            "occurredAt": WHEN,
        }
    ],
    "consentContext": [],
    "requests": [],
    "mails": [],
    "links": [],
    "files": [],
    "sesEvents": [],
    "formerIds": [],
    "webhooks": [],
    "webhookEvents": [],
    "adminActs": [],
}

blp = Blueprint(
    "privacy",
    "privacy",
    url_prefix="/api/lead-magnet/privacy",
    description="A person's rights: access, erasure, objection",
)


@blp.post("/request")
@blp.doc(operationId="askForPrivacyLink")
@blp.arguments(PrivacyRequestSchema, example={"email": "ada@example.org"})
@blp.response(202, AcceptedSchema, **accepted_with(PRIVACY_ASKED))
@blp.refuses(422, "email_invalid", "email_unsupported", pointer="/email")
@blp.refuses(429, "privacy_limit")
def ask(body: dict[str, str]) -> dict[str, str]:
    """Request a link to one's own data

    The response is the same whether anything is held or not. The link is e-mailed and opens
    `/lead-magnet/mes-donnees?lang=…&token=…` on the site. It works for an hour, during which no
    other is sent; at most three are sent in seven days, and none to an address that bounced or
    complained.
    """
    requests.ask_for_privacy_link(services(), email=body["email"], context=context())
    return {"status": "accepted", "message": PRIVACY_ASKED[language()]}


@blp.get("/links/<token>", parameters=[token_example(TOKEN)])
@blp.doc(operationId="describePrivacyLink")
@blp.response(
    200,
    PrivacyLinkSchema,
    description="The link works",
    example={"email": "a•••@e•••.org", "expiresAt": WHEN, "locale": "fr"},
)
@blp.refuses(404, "token_unknown")
@blp.refuses(410, "token_expired")
@blp.refuses(429, "guess_limit")
def describe(token: str) -> dict[str, Any]:
    """Describe a link to one's own data

    Read-only, so that mail scanners may follow the link, and of the data it tells nothing: a page
    calls it to offer only what the link can do.
    """
    return privacy.describe(services(), token=token)


@blp.post("/export")
@blp.doc(operationId="exportPrivacy")
@blp.arguments(TokenSchema, example={"token": TOKEN})
@blp.response(200, ExportSchema, description="Everything held", example=HELD)
@blp.refuses(404, "token_unknown")
@blp.refuses(410, "token_expired")
@blp.refuses(422, "token_invalid", pointer="/token")
def export(body: dict[str, str]) -> dict[str, Any]:
    """Get everything held about the owner of the link

    Access and portability (GDPR, articles 15 and 20), as of one moment and as often as wanted.
    Fields may be added; none is renamed or removed.
    """
    held = privacy.export(services(), token=body["token"])
    return held | {"kept_days": retention.kept_days(services().config)}


@blp.post("/erase")
@blp.doc(operationId="erasePrivacy")
@blp.arguments(EraseSchema, example={"token": TOKEN, "object": False})
@blp.response(200, ErasedSchema, description="Erased")
@blp.refuses(404, "token_unknown")
@blp.refuses(410, "token_expired")
@blp.refuses(422, "token_invalid", pointer="/token")
def erase(body: dict[str, Any]) -> dict[str, str]:
    """Erase everything held about the owner of the link

    Erasure (GDPR, article 17); a later signup starts anew. With `object: true` (article 21) the
    address is also suppressed permanently, by a keyed hash of it. Repeatable with the same
    response, which is about that erasure: what a later signup left, only a new link shows and
    erases. An objection cannot follow an erasure (404): by then the address is gone.
    """
    privacy.erase(services(), token=body["token"], objects=body.get("object", False))
    return {"status": "erased"}
