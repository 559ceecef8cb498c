"""The contract's shapes: camelCase on the wire, snake_case inside. Messages are codes."""

from __future__ import annotations

from typing import Any

from marshmallow import EXCLUDE, Schema, ValidationError, fields, validate

from leadmagnet.addresses import AddressRefused, normalise
from leadmagnet.web.messages import LOCALES

# Two, kept apart: the file never hangs on the newsletter (RGPD, article 7(4)).
PURPOSES = ("delivery", "newsletter")


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(word.capitalize() for word in rest)


class CamelCaseSchema(Schema):
    error_messages = {"unknown": "field_unknown", "type": "field_invalid"}  # noqa: RUF012

    def on_bind_field(self, field_name: str, field_obj: fields.Field[Any]) -> None:
        field_obj.data_key = _camel(field_obj.data_key or field_name)


class ResponseSchema(CamelCaseSchema):
    """What we send: open to new fields, so that adding one breaks no strict client."""

    class Meta:
        unknown = EXCLUDE


class Text(fields.String):
    """A short printable text: no control or bidi character reaches a table, a log or a page."""

    def __init__(
        self, *, code: str = "field_invalid", at_least: int = 1, at_most: int = 200, **kwargs: Any
    ) -> None:
        messages: Any = dict.fromkeys(("required", "null", "invalid", "invalid_utf8"), code)
        length = validate.Length(min=at_least, max=at_most, error=code)
        super().__init__(error_messages=messages, validate=length, **kwargs)

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> Any:
        text = super()._deserialize(value, *args, **kwargs)
        if not text.isprintable():
            raise self.make_error("invalid")
        return text


class Address(Text):
    """An e-mail address, normalised when it comes in."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(code="email_invalid", at_most=320, **kwargs)

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            return normalise(super()._deserialize(value, *args, **kwargs))
        except AddressRefused as refused:
            raise ValidationError(refused.code) from None


class TextIds(fields.Field[list[str]]):
    """The ids of the consent texts that the page showed and the visitor ticked, each once."""

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> list[str]:
        if (
            not isinstance(value, list)
            or not 1 <= len(value) <= 10
            or not all(isinstance(item, str) and 0 < len(item) <= 100 for item in value)
            or len(set(value)) != len(value)
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


class ProblemDetailSchema(ResponseSchema):
    pointer = fields.String(required=True, metadata={"description": "JSON pointer to the field"})
    code = fields.String(required=True)
    detail = fields.String(required=True)


class ProblemSchema(ResponseSchema):
    """RFC 9457"""

    type = fields.String(required=True)
    title = fields.String(required=True)
    status = fields.Integer(required=True)
    detail = fields.String(
        required=True,
        metadata={"description": "A sentence for the visitor, in her language: what to do next"},
    )
    code = fields.String(
        required=True, metadata={"description": "A stable word, like `token_expired`"}
    )
    errors = fields.List(fields.Nested(ProblemDetailSchema))


class MagnetQuerySchema(CamelCaseSchema):
    locale = _locale(metadata={"description": "Goes before Accept-Language"})


class ConsentTextSchema(ResponseSchema):
    id = fields.String(required=True)
    purpose = fields.String(required=True, metadata={"enum": list(PURPOSES)})
    required = fields.Boolean(required=True)
    locale = fields.String(required=True)
    text = fields.String(required=True, metadata={"description": "To be shown to the letter"})
    policy_version = fields.String(required=True)
    policy_url = fields.String(required=True)


class MagnetSchema(ResponseSchema):
    slug = fields.String(required=True)
    title = fields.String(required=True)
    description = fields.String(required=True)
    file_name = fields.String(required=True)
    consent_texts = fields.List(fields.Nested(ConsentTextSchema), required=True)


class SignupSchema(CamelCaseSchema):
    email = Address(
        required=True,
        metadata={"format": "email", "description": "Stored in lower case, its domain in punycode"},
    )
    consents = TextIds(
        required=True,
        error_messages=dict.fromkeys(("required", "null"), "consent_required"),
        metadata={
            "type": "array",
            "items": {"type": "string", "maxLength": 100},
            "minItems": 1,
            "maxItems": 10,
            "uniqueItems": True,
            "description": "The ids of the texts shown and ticked; the required ones among them",
        },
    )
    magnet = Text(
        code="magnet_unknown",
        metadata={"description": "The slug; without it, the magnet of the consent texts"},
    )
    locale = _locale(
        metadata={"description": "Of the mails; without it, the language of the consent texts"}
    )
    source = Text(
        at_least=0,
        at_most=64,
        allow_none=True,
        metadata={"description": "Which page or campaign sent the visitor"},
    )
    website = fields.Raw(
        allow_none=True,
        metadata={"description": "Honeypot: hide it from people, send it empty or not at all"},
    )
    turnstile_token = Text(at_most=2048)


class AcceptedSchema(ResponseSchema):
    """The same bytes whatever the state of the address"""

    status = fields.String(required=True, metadata={"enum": ["accepted"]})
    message = fields.String(required=True)


class TokenSchema(CamelCaseSchema):
    token = Text(required=True, code="token_invalid", at_most=500)


class LinkMagnetSchema(ResponseSchema):
    slug = fields.String(required=True)
    title = fields.String(required=True)
    file_name = fields.String(required=True)


class LinkSchema(ResponseSchema):
    status = fields.String(
        required=True,
        metadata={
            "enum": ["pending", "confirmed", "expired"],
            "description": "What the press of the button would do: confirm and hand out the file;"
            " hand out the file; nothing, for the link has expired",
        },
    )
    magnet = fields.Nested(LinkMagnetSchema, required=True)
    email = fields.String(required=True, metadata={"description": "Masked"})
    purposes = fields.List(
        fields.String(metadata={"enum": list(PURPOSES)}),
        required=True,
        metadata={"description": "What would be confirmed"},
    )


class ConfirmationSchema(ResponseSchema):
    status = fields.String(required=True, metadata={"enum": ["confirmed", "already_confirmed"]})
    download_url = fields.String(required=True, metadata={"format": "uri"})
    expires_at = fields.AwareDateTime(required=True, metadata={"description": "Of the URL"})
    file_name = fields.String(required=True)


class SubscriptionSchema(ResponseSchema):
    """Never holds the address: mail providers and scanners read it too"""

    status = fields.String(
        required=True, metadata={"enum": ["pending", "confirmed", "unsubscribed"]}
    )
    newsletter = fields.Boolean(required=True)


class HealthSchema(ResponseSchema):
    status = fields.String(required=True, metadata={"enum": ["ok"]})
