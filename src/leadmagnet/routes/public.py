"""What the Nuxt pages call. No token here is a cookie, no GET changes anything."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import jsonify, make_response, request
from marshmallow import Schema
from werkzeug.wrappers import Response

from leadmagnet.database import Row
from leadmagnet.funnel import magnets, requests, subscribers, tokens
from leadmagnet.web import bodies
from leadmagnet.web.context import context, services
from leadmagnet.web.contract import Blueprint, accepted_with, path_example, token_example
from leadmagnet.web.messages import ACCEPTED, RENEWED
from leadmagnet.web.problems import language
from leadmagnet.web.public_examples import (
    LINK,
    MAGNET,
    SIGNUP,
    SLUG,
    SUBSCRIPTION,
    TOKEN,
    UNSUBSCRIBED,
)
from leadmagnet.web.public_schemas import (
    ConfirmationSchema,
    LinkSchema,
    MagnetListSchema,
    MagnetQuerySchema,
    MagnetSchema,
    SignedUpSchema,
    SignupSchema,
    SubscriptionSchema,
)
from leadmagnet.web.schemas import AcceptedSchema, TokenSchema

ETAG = {"ETag": {"schema": {"type": "string"}, "description": "To send in `If-None-Match`"}}
UNCHANGED = {"description": "Nothing has changed since the `ETag` of `If-None-Match`"}

blp = Blueprint(
    "public",
    "public",
    url_prefix="/api/lead-magnet",
    description="What the pages of the site call",
)


@blp.get("/magnets")
@blp.doc(operationId="listMagnets")
@blp.arguments(MagnetQuerySchema, location="query")
@blp.response(
    200,
    MagnetListSchema,
    description="The magnets on offer",
    headers=ETAG,
    example={"magnets": [{key: MAGNET[key] for key in ("slug", "title", "description")}]},
)
@blp.alt_response(304, **UNCHANGED)
@blp.refuses(422, "locale_unknown", pointer="/locale")
def list_magnets(query: dict[str, Any]) -> Response:
    """List what is offered

    Cacheable for a minute, like `GET /magnets/{slug}`.
    """
    offered = magnets.offered(services(), locale=query.get("locale") or language())
    return _cacheable(MagnetListSchema(), {"magnets": offered})


@blp.get("/magnets/<slug>", parameters=[path_example("slug", SLUG)])
@blp.doc(operationId="getMagnet")
@blp.arguments(MagnetQuerySchema, location="query")
@blp.response(
    200,
    MagnetSchema,
    description="The magnet and its consent texts",
    headers=ETAG,
    example=MAGNET,
)
@blp.alt_response(304, **UNCHANGED)
@blp.refuses(404, "magnet_unknown")
@blp.refuses(422, "locale_unknown", pointer="/locale")
def get_magnet(query: dict[str, Any], slug: str) -> Response:
    """What a page shows of a magnet

    Title, description and consent texts in one language. Cacheable for a minute; send the `ETag`
    back in `If-None-Match`.
    """
    magnet = magnets.page(services(), slug, locale=query.get("locale") or language())
    return _cacheable(MagnetSchema(), magnet)


def _cacheable(schema: Schema, value: Any) -> Response:
    response = make_response(jsonify(schema.dump(value)))
    response.headers["Cache-Control"] = "public, max-age=60"
    response.add_etag()
    if request.if_none_match.contains_weak(response.get_etag()[0] or ""):
        response.status_code = 304
        response.set_data(b"")
    return response


@blp.post("/signup")
@blp.doc(operationId="signUp")
@blp.arguments(SignupSchema, example=SIGNUP)
@blp.response(202, SignedUpSchema, **accepted_with(ACCEPTED, againSeconds=300))
@blp.refuses(422, "email_invalid", "email_unsupported", pointer="/email")
@blp.refuses(422, "consent_required", "consent_unknown", "consents_expected", pointer="/consents")
@blp.refuses(422, "magnet_unknown", pointer="/magnet")
@blp.refuses(422, "locale_unknown", pointer="/locale")
@blp.refuses(422, "turnstile_failed", pointer="/turnstileToken")
@blp.refuses(429, "signup_limit")
def sign_up(body: dict[str, Any]) -> dict[str, Any]:
    """Sign up with an address and consent to the texts

    The response is the same whatever is known about the address. An e-mail is sent if appropriate;
    the address is confirmed only when its recipient clicks the button on the page that the e-mail
    links to.
    """
    requests.sign_up(services(), **body, context=context())
    return {
        "status": "accepted",
        "message": ACCEPTED[language()],
        "again_seconds": services().config.cool_down_seconds.total_seconds(),
    }


@blp.get("/confirm/<token>", parameters=[token_example(TOKEN)])
@blp.doc(operationId="describeLink")
@blp.response(
    200,
    LinkSchema,
    description="What the link would do",
    example=LINK,
)
@blp.refuses(404, "token_unknown")
@blp.refuses(429, "guess_limit")
def describe_link(token: str) -> dict[str, Any]:
    """Describe the link of an e-mail

    Read-only, so that mail scanners may follow the link. Show a button that calls `POST /confirm`.
    """
    return tokens.describe(services(), token)


@blp.post("/confirm")
@blp.doc(operationId="confirm")
@blp.arguments(TokenSchema, example={"token": TOKEN})
@blp.response(
    200,
    ConfirmationSchema,
    description="Confirmed; open `downloadUrl` to download the file",
    example={
        "status": "confirmed",
        "newsletter": False,
        "downloadUrl": "https://bucket.s3.eu-west-3.amazonaws.com/guide.pdf?X-Amz-Signature=0a1b2c",
        "expiresAt": "2026-11-22T10:15:00+00:00",
        "fileName": "Guide de la Mariée Sereine.pdf",
    },
)
@blp.refuses(404, "token_unknown")
@blp.refuses(410, "token_expired")
@blp.refuses(422, "token_invalid", pointer="/token")
@blp.refuses(429, "token_used_up", "guess_limit")
@blp.refuses(503, "file_unavailable")
def confirm(body: dict[str, str]) -> subscribers.Confirmation:
    """Confirm the address and get the file's URL

    Repeatable: the first call confirms, every call returns a fresh URL. `newsletter` says whether
    they get the newsletter now, also by an earlier request.
    """
    return subscribers.confirm(services(), token=body["token"], context=context())


@blp.post("/links/renew")
@blp.doc(operationId="renewLink")
@blp.arguments(TokenSchema, example={"token": TOKEN})
@blp.response(202, AcceptedSchema, **accepted_with(RENEWED))
@blp.refuses(422, "token_invalid", pointer="/token")
@blp.refuses(429, "renewal_limit")
def renew_link(body: dict[str, str]) -> dict[str, str]:
    """Request a new link with an old one

    The new link is e-mailed to the recipient of the old one, expired or not. The response is the
    same for any token.
    """
    requests.renew_link(services(), token=body["token"], context=context())
    return {"status": "accepted", "message": RENEWED[language()]}


@blp.get("/unsubscribe/<token>", parameters=[token_example(TOKEN)])
@blp.doc(operationId="describeSubscription")
@blp.response(
    200,
    SubscriptionSchema,
    description="What the link would end",
    example=SUBSCRIPTION,
)
@blp.refuses(404, "token_unknown")
@blp.refuses(429, "guess_limit")
def describe_subscription(token: str) -> dict[str, Any]:
    """Describe an unsubscribe link

    Read-only. For a `pending` address, unsubscribing means "this was not me"; one that had
    unsubscribed is `pending` again when it is entered in the form.
    """
    subscriber_id = _unsubscribing(token)
    return _shown(subscribers.subscription(services(), subscriber_id))


@blp.post("/unsubscribe/<token>", parameters=[token_example(TOKEN)])
@blp.doc(
    operationId="unsubscribe",
    requestBody={
        "description": "Mail providers send `List-Unsubscribe=One-Click` (RFC 8058). A page may"
        ' send `{"purpose": "newsletter"}` to end only the newsletter. Any other body, or none,'
        " ends all e-mail.",
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
@blp.response(
    200,
    SubscriptionSchema,
    description="What is left of the subscription",
    example=UNSUBSCRIBED,
)
@blp.refuses(404, "token_unknown")
@blp.refuses(429, "guess_limit")
def unsubscribe(token: str) -> dict[str, Any]:
    """Unsubscribe

    The one-click POST of RFC 8058: repeatable, without cookies or redirects. Ends all e-mail to
    the address; each time that it is entered in the form again, an e-mail may ask to confirm it.
    For a `pending` address it means "this was not me": until `notMeUntil` the form mails nothing
    to it, whoever enters it; a link to the data is still mailed when somebody asks for one. Only a
    new link, asked for with the mailed one, or an erasure without an objection ends that earlier.
    """
    data = bodies.read(request)
    act: dict[str, Any] = {
        "subscriber_id": _unsubscribing(token),
        "gesture": "unsubscribe_button" if request.is_json else "one_click",
        "context": context(),
    }
    if request.is_json and bodies.lenient_object(data).get("purpose") == "newsletter":
        subscribers.end_newsletter(services(), **act)
    else:
        subscribers.unsubscribe(services(), **act)
    return _shown(subscribers.subscription(services(), act["subscriber_id"]))


def _unsubscribing(token: str) -> UUID:
    config = services().config
    return tokens.signed_subscriber(
        token, config.unsubscribe_keys, legacy_keys=config.legacy_unsubscribe_keys
    )


def _shown(row: Row) -> dict[str, Any]:
    # To the holder of the link all ways of getting no more mail are one.
    ended = row["status"] not in ("pending", "confirmed")
    return {
        "status": "unsubscribed" if ended else row["status"],
        "newsletter": row["newsletter"] and not ended,
        "locale": row["locale"],
        "not_me_days": services().config.not_me_days.days,
        "not_me_until": row["not_me_until"],
    }
