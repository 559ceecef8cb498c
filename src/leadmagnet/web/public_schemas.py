"""The shapes of the public routes: magnets, signup, links, subscriptions."""

from __future__ import annotations

from typing import Any

from marshmallow import ValidationError, fields, pre_load, validate

from leadmagnet.web.messages import LOCALES
from leadmagnet.web.schemas import (
    AcceptedSchema,
    Address,
    CamelCaseSchema,
    ResponseSchema,
    Text,
    mailed_locale,
)

# Kept apart: the file never depends on consent to the newsletter (GDPR, article 7(4)).
PURPOSES = ("delivery", "newsletter")


class TextIds(fields.Field[list[str]]):
    """The ids of the consent texts that the page showed and the visitor ticked."""

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> list[str]:
        if (
            not isinstance(value, list)
            or not 1 <= len(value) <= 10
            or not all(isinstance(item, str) and 0 < len(item) <= 100 for item in value)
        ):
            raise ValidationError("consent_required")
        if not all(item.isprintable() for item in value):
            raise ValidationError("consent_unknown")
        return value


def _locale(**kwargs: Any) -> fields.String:
    return fields.String(
        validate=validate.OneOf(LOCALES, error="locale_unknown"),
        error_messages=dict.fromkeys(("null", "invalid"), "locale_unknown"),
        **kwargs,
    )


def _shown_locale() -> fields.String:
    return fields.String(required=True, metadata={"enum": list(LOCALES)})


class MagnetQuerySchema(CamelCaseSchema):
    locale = _locale(metadata={"description": "Overrides Accept-Language"})


class ConsentTextSchema(ResponseSchema):
    id = fields.String(required=True, metadata={"description": "To be sent in `consents`"})
    purpose = fields.String(required=True, metadata={"enum": list(PURPOSES)})
    required = fields.Boolean(
        required=True, metadata={"description": "Whether a signup must include this text"}
    )
    locale = _shown_locale()
    text = fields.String(
        required=True, metadata={"description": "Show verbatim, beside a box that starts unticked"}
    )
    policy_version = fields.String(
        required=True, metadata={"description": "Of the privacy policy that the text refers to"}
    )
    policy_url = fields.String(required=True, metadata={"format": "uri"})


class MagnetSummarySchema(ResponseSchema):
    slug = fields.String(required=True)
    title = fields.String(required=True)
    description = fields.String(required=True)


class MagnetListSchema(ResponseSchema):
    magnets = fields.List(fields.Nested(MagnetSummarySchema), required=True)


class MagnetSchema(ResponseSchema):
    slug = fields.String(required=True)
    locale = fields.String(
        required=True,
        metadata={
            "enum": list(LOCALES),
            "description": "The language of what follows: the one asked for, or another one where"
            " that has no consent texts",
        },
    )
    title = fields.String(required=True)
    description = fields.String(required=True)
    file_name = fields.String(required=True)
    consent_texts = fields.List(fields.Nested(ConsentTextSchema), required=True)


class SignupSchema(CamelCaseSchema):
    email = Address(
        required=True,
        metadata={
            "format": "email",
            "description": "Stored in lower case, with its domain in punycode",
        },
    )
    consents = TextIds(
        required=True,
        error_messages=dict.fromkeys(("required", "null"), "consent_required"),
        metadata={
            "type": "array",
            "items": {"type": "string", "maxLength": 100},
            "minItems": 1,
            "maxItems": 10,
            "description": "The ids of the consent texts that were shown and ticked, including"
            " every required one",
        },
    )
    magnet = Text(
        code="magnet_unknown",
        metadata={"description": "Slug of the magnet; defaults to that of the consent texts"},
    )
    locale = _locale(
        metadata={"description": "Language of the e-mails; defaults to that of the consent texts"}
    )
    source = Text(
        at_least=0,
        at_most=64,
        allow_none=True,
        metadata={
            "description": "The page or campaign that the visitor came from, for your statistics"
        },
    )
    website = fields.Raw(
        allow_none=True,
        metadata={
            "type": "string",
            "description": "Honeypot. Render it as a field that people do not see, and send what"
            " is in it: a signup that fills it is accepted and ignored",
        },
    )
    turnstile_token = Text(
        at_most=2048,
        metadata={"description": "Required while the API has TURNSTILE_SECRET: the widget's token"},
    )

    @pre_load
    def _of_the_former_api(self, body: dict[str, Any], **_: Any) -> dict[str, Any]:
        # A box without its text proves nothing; "unknown field" would not say what to send instead.
        if "consentGiven" in body and "consents" not in body:
            raise ValidationError("consents_expected", "consents")
        return body


class SignedUpSchema(AcceptedSchema):
    again_seconds = fields.Integer(
        required=True,
        metadata={"description": "After so many seconds the same signup may send another e-mail"},
    )


class LinkMagnetSchema(ResponseSchema):
    slug = fields.String(required=True)
    title = fields.String(required=True)
    file_name = fields.String(required=True)


class LinkSchema(ResponseSchema):
    status = fields.String(
        required=True,
        metadata={
            "enum": ["pending", "confirmed", "not_me", "expired"],
            "description": "What `POST /confirm` would do. `pending`: confirm the address and"
            " return the file; `confirmed`: return the file again; `not_me` (“this was not me” was"
            " said since), `expired`: nothing, offer `POST /links/renew`",
        },
    )
    magnet = fields.Nested(LinkMagnetSchema, required=True)
    email = fields.String(required=True, metadata={"description": "Masked, like `a•••@e•••.org`"})
    purposes = fields.List(
        fields.String(metadata={"enum": list(PURPOSES)}),
        required=True,
        metadata={"description": "What the confirmation would consent to"},
    )
    locale = mailed_locale()
    expires_at = fields.AwareDateTime(
        required=True, metadata={"description": "When the link stops working"}
    )


class ConfirmationSchema(ResponseSchema):
    status = fields.String(required=True, metadata={"enum": ["confirmed", "already_confirmed"]})
    newsletter = fields.Boolean(required=True)
    download_url = fields.String(
        required=True,
        metadata={"format": "uri", "description": "Downloads the file; no credentials needed"},
    )
    expires_at = fields.AwareDateTime(
        required=True, metadata={"description": "When `downloadUrl` stops working"}
    )
    file_name = fields.String(
        required=True, metadata={"description": "The name under which the file is saved"}
    )


class SubscriptionSchema(ResponseSchema):
    """Never contains the address: mail providers and scanners read this, too"""

    status = fields.String(
        required=True, metadata={"enum": ["pending", "confirmed", "unsubscribed"]}
    )
    newsletter = fields.Boolean(required=True)
    locale = mailed_locale()
    not_me_days = fields.Integer(required=True, metadata={"description": "How long “not me” holds"})
    not_me_until = fields.AwareDateTime(
        required=True,
        allow_none=True,
        metadata={
            "description": "Until then no signup e-mails the address; `null` without a “not me”"
        },
    )
