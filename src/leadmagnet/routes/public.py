"""What the Nuxt pages call. No token here is a cookie, no GET changes anything."""

from __future__ import annotations

from typing import Any

from flask import jsonify, make_response, request
from werkzeug.wrappers import Response

from leadmagnet.database import Row
from leadmagnet.funnel import magnets, subscribers, tokens
from leadmagnet.web import bodies
from leadmagnet.web.context import context, services
from leadmagnet.web.contract import Blueprint
from leadmagnet.web.messages import ACCEPTED, RENEWED
from leadmagnet.web.problems import language
from leadmagnet.web.schemas import (
    AcceptedSchema,
    ConfirmationSchema,
    LinkSchema,
    MagnetQuerySchema,
    MagnetSchema,
    SignupSchema,
    SubscriptionSchema,
    TokenSchema,
)

TOKEN = "Jd4dYg3mQ0m1r9o0m8n3X2v5b7c9A1s3D5f7G9h1J3k"  # noqa: S105 - an example's
LEAVE = "0199f3a2-7c11-7d2e-8f3a-5b6c7d8e9f01.Q0m1r9o0m8n3X2v5b7c9A1s3D5f7G9h1J3kJd4dYg3m"
MAGNET = {
    "slug": "guide-mariee-sereine",
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

blp = Blueprint(
    "public",
    "public",
    url_prefix="/api/lead-magnet",
    description="What the pages of the site call",
)


@blp.get("/magnets/<slug>")
@blp.doc(operationId="getMagnet")
@blp.arguments(MagnetQuerySchema, location="query")
@blp.response(200, MagnetSchema, example=MAGNET)
@blp.refuses(404, "magnet_unknown")
@blp.refuses(422, "locale_unknown", pointer="/locale")
@blp.refuses(503, "service_unavailable")
def get_magnet(query: dict[str, Any], slug: str) -> Response:
    """What the page shows

    Title, description and the consent texts to show to the letter, in one language.
    """
    magnet = magnets.page(services(), slug, locale=query.get("locale") or language())
    response = make_response(jsonify(MagnetSchema().dump(magnet)))
    response.headers["Cache-Control"] = "public, max-age=60"
    response.add_etag()
    if request.if_none_match.contains_weak(response.get_etag()[0] or ""):
        response.status_code = 304
        response.set_data(b"")
    return response


@blp.post("/signup")
@blp.doc(operationId="signUp")
@blp.arguments(SignupSchema, example=SIGNUP)
@blp.response(202, AcceptedSchema, example={"status": "accepted", "message": ACCEPTED["fr"]})
@blp.refuses(422, "email_invalid", "email_unsupported", pointer="/email")
@blp.refuses(422, "consent_required", "consent_unknown", pointer="/consents")
@blp.refuses(422, "magnet_unknown", pointer="/magnet")
@blp.refuses(422, "turnstile_failed", pointer="/turnstileToken")
@blp.refuses(429, "signup_limit")
@blp.refuses(503, "service_unavailable")
def sign_up(body: dict[str, Any]) -> dict[str, str]:
    """Leave an address and agree to the texts

    The answer is the same whether the address is new, known, confirmed, gone or never to be
    written to. A mail follows where one is due; nothing counts as confirmed before its button
    is pressed.
    """
    with services().on_the_beat():
        subscribers.sign_up(services(), **body, context=context())
    return {"status": "accepted", "message": ACCEPTED[language()]}


@blp.get("/confirm/<token>")
@blp.doc(operationId="describeLink")
@blp.response(
    200,
    LinkSchema,
    example={
        "status": "pending",
        "magnet": {key: MAGNET[key] for key in ("slug", "title", "fileName")},
        "email": "a•••@e•••.org",
        "purposes": ["delivery"],
    },
)
@blp.refuses(404, "token_unknown")
@blp.refuses(429, "guess_limit")
@blp.refuses(503, "service_unavailable")
def describe_link(token: str) -> dict[str, Any]:
    """What the link of a mail would do

    Changes nothing, however often scanners look.
    """
    return tokens.describe(services(), token, locale=language())


@blp.post("/confirm")
@blp.doc(operationId="confirm")
@blp.arguments(TokenSchema, example={"token": TOKEN})
@blp.response(
    200,
    ConfirmationSchema,
    example={
        "status": "confirmed",
        "downloadUrl": "https://bucket.s3.eu-west-3.amazonaws.com/guide.pdf?X-Amz-Signature=…",
        "expiresAt": "2026-11-22T10:15:00+00:00",
        "fileName": "Guide de la Mariée Sereine.pdf",
    },
)
@blp.refuses(404, "token_unknown")
@blp.refuses(410, "token_expired")
@blp.refuses(422, "token_invalid", pointer="/token")
@blp.refuses(429, "token_used_up", "guess_limit")
@blp.refuses(503, "service_unavailable", "file_unavailable")
def confirm(body: dict[str, str]) -> subscribers.Confirmation:
    """Press the button: confirm, and get the file's URL

    One effect however often it is pressed, and each time the same answer with a fresh URL.
    """
    return subscribers.confirm(services(), token=body["token"], context=context())


@blp.post("/links/renew")
@blp.doc(operationId="renewLink")
@blp.arguments(TokenSchema, example={"token": TOKEN})
@blp.response(202, AcceptedSchema, example={"status": "accepted", "message": RENEWED["fr"]})
@blp.refuses(422, "token_invalid", pointer="/token")
@blp.refuses(503, "service_unavailable")
def renew_link(body: dict[str, str]) -> dict[str, str]:
    """Ask for a fresh link with an old one

    It goes by mail to the owner of the old link; the answer is the same for any token.
    """
    subscribers.renew_link(services(), token=body["token"], context=context())
    return {"status": "accepted", "message": RENEWED[language()]}


@blp.get("/unsubscribe/<token>")
@blp.doc(operationId="describeSubscription")
@blp.response(200, SubscriptionSchema, example={"status": "confirmed", "newsletter": True})
@blp.refuses(404, "token_unknown")
@blp.refuses(429, "guess_limit")
@blp.refuses(503, "service_unavailable")
def describe_subscription(token: str) -> dict[str, Any]:
    """What an unsubscribe link would end

    `pending`: pressing says "this was not me". Changes nothing.
    """
    subscriber_id = tokens.signed_subscriber(token, services().config.unsubscribe_keys)
    return _shown(subscribers.subscription(services(), subscriber_id))


@blp.post("/unsubscribe/<token>")
@blp.doc(
    operationId="unsubscribe",
    requestBody={
        "description": "Mail providers send `List-Unsubscribe=One-Click` (RFC 8058); a page may"
        " send an empty JSON object. Any body is accepted, none is needed, and all mail ends;"
        ' the JSON object `{"purpose": "newsletter"}` alone ends no more than the newsletter.',
        "content": {
            "application/x-www-form-urlencoded": {
                "schema": {"type": "object"},
                "example": {"List-Unsubscribe": "One-Click"},
            },
            "application/json": {
                "schema": {"type": "object", "properties": {"purpose": {"enum": ["newsletter"]}}},
                "example": {"purpose": "newsletter"},
            },
        },
    },
)
@blp.response(200, SubscriptionSchema, example={"status": "unsubscribed", "newsletter": False})
@blp.refuses(404, "token_unknown")
@blp.refuses(413, "body_too_large")
@blp.refuses(429, "guess_limit")
@blp.refuses(503, "service_unavailable")
def unsubscribe(token: str) -> dict[str, Any]:
    """Unsubscribe, in one click and for good

    Repeatable, without cookie or redirect. Before a confirmation it means "this was not me".
    """
    data = bodies.read(request)
    act: dict[str, Any] = {
        "subscriber_id": tokens.signed_subscriber(token, services().config.unsubscribe_keys),
        "gesture": "unsubscribe_button" if request.is_json else "one_click",
        "context": context(),
    }
    if request.is_json and bodies.lenient_object(data).get("purpose") == "newsletter":
        return _shown(subscribers.end_newsletter(services(), **act))
    subscribers.unsubscribe(services(), **act)
    return {"status": "unsubscribed", "newsletter": False}


def _shown(row: Row) -> dict[str, Any]:
    # To the holder of the link all ways of getting no more mail are one.
    ended = row["status"] not in ("pending", "confirmed")
    return {
        "status": "unsubscribed" if ended else row["status"],
        "newsletter": row["newsletter"] and not ended,
    }
