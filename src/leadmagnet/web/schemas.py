"""The contract's shapes: camelCase on the wire, snake_case inside. Messages are codes."""

from __future__ import annotations

from typing import Any

from marshmallow import EXCLUDE, Schema, ValidationError, fields, validate

from leadmagnet.addresses import LONGEST, AddressRefused, normalise
from leadmagnet.web.messages import LOCALES, PROBLEMS


def camel_case(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(word.capitalize() for word in rest)


class CamelCaseSchema(Schema):
    error_messages = {"unknown": "field_unknown", "type": "field_invalid"}  # noqa: RUF012

    def on_bind_field(self, field_name: str, field_obj: fields.Field[Any]) -> None:
        field_obj.data_key = camel_case(field_obj.data_key or field_name)


class ResponseSchema(CamelCaseSchema):
    """What we send: open to new fields, so that adding one breaks no strict client."""

    class Meta:
        unknown = EXCLUDE


def mailed_locale() -> fields.String:
    """In what a mail's link answers: the page that the mail opens speaks as the mail does."""
    return fields.String(
        required=True, metadata={"enum": list(LOCALES), "description": "The language of the e-mail"}
    )


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
        super().__init__(code="email_invalid", at_most=LONGEST, **kwargs)

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            return normalise(super()._deserialize(value, *args, **kwargs))
        except AddressRefused as refused:
            raise ValidationError(refused.code) from None


def _code(**metadata: str) -> fields.String:
    return fields.String(required=True, metadata={"enum": sorted(PROBLEMS), **metadata})


class ProblemDetailSchema(ResponseSchema):
    pointer = fields.String(
        required=True,
        metadata={"description": "JSON pointer (RFC 6901) to the field", "example": "/email"},
    )
    code = _code()
    detail = fields.String(
        required=True, metadata={"description": "What to correct, in the visitor's language"}
    )


class ProblemSchema(ResponseSchema):
    """A problem (RFC 9457)"""

    type = fields.String(required=True, metadata={"enum": ["about:blank"]})
    title = fields.String(
        required=True, metadata={"description": "The reason phrase of the status, in English"}
    )
    status = fields.Integer(required=True, metadata={"description": "The HTTP status again"})
    detail = fields.String(
        required=True,
        metadata={
            "description": "A message to show to the visitor, in the language of"
            " Accept-Language: what happened and what to do next"
        },
    )
    code = _code(description="What happened, as a stable word to branch on")
    errors = fields.List(
        fields.Nested(ProblemDetailSchema),
        metadata={"description": "With a 422: what is wrong with which field"},
    )
    required = fields.String(
        metadata={"description": "With a 403: the permission that is missing"},
    )


class AcceptedSchema(ResponseSchema):
    """Identical whatever is known about the address"""

    status = fields.String(required=True, metadata={"enum": ["accepted"]})
    message = fields.String(
        required=True, metadata={"description": "To show to the visitor, in their language"}
    )


class TokenSchema(CamelCaseSchema):
    token = Text(
        required=True,
        code="token_invalid",
        at_most=500,
        metadata={"description": "The text after `token=` in the link of an e-mail"},
    )


class HealthSchema(ResponseSchema):
    status = fields.String(required=True, metadata={"enum": ["ok"]})
