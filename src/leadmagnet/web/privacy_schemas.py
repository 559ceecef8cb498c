"""The shapes of a person's rights: what is asked for, and everything that is held."""

from __future__ import annotations

from typing import Any

from marshmallow import ValidationError, fields

from leadmagnet.web.schemas import (
    Address,
    CamelCaseSchema,
    ResponseSchema,
    Text,
    camel_case,
    mailed_locale,
)


class Decision(fields.Boolean):
    """`true` or `false`, and nothing that merely looks like it."""

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> bool:
        if not isinstance(value, bool):
            raise ValidationError("field_invalid")
        return value


class PrivacyRequestSchema(CamelCaseSchema):
    email = Address(required=True, metadata={"format": "email"})


class PrivacyLinkSchema(ResponseSchema):
    email = fields.String(required=True, metadata={"description": "Masked, like `a•••@e•••.org`"})
    expires_at = fields.AwareDateTime(
        required=True, metadata={"description": "When the link stops working"}
    )
    locale = mailed_locale()


class EraseSchema(CamelCaseSchema):
    token = Text(required=True, code="token_invalid", at_most=500)
    object = Decision(
        error_messages=dict.fromkeys(("null", "invalid"), "field_invalid"),
        metadata={"description": "If `true`, also suppress this address permanently"},
    )


class ErasedSchema(ResponseSchema):
    status = fields.String(required=True, metadata={"enum": ["erased"]})


class Held(fields.Field[dict[str, Any]]):
    """A row of a table as it is: each column a property, in camelCase."""

    def __init__(self) -> None:
        metadata = {"type": "object", "additionalProperties": True}
        super().__init__(required=True, metadata=metadata)

    def _serialize(self, value: Any, *args: Any, **kwargs: Any) -> Any:
        return {camel_case(name): content for name, content in value.items()}


class ExportSchema(ResponseSchema):
    """Everything held about one person, as of one moment; properties may be added"""

    exported_at = fields.String(required=True, metadata={"format": "date-time"})
    kept_days = fields.Dict(
        keys=fields.String(),
        values=fields.Integer(),
        required=True,
        metadata={
            "description": "After how many days a person is deleted, by `status`; and what goes"
            " earlier: `context`, the IP address and browser of their acts, `requests`, `links`"
            " once expired, `webhookEvents`"
        },
    )
    subscriber = Held()
    consent_events = fields.List(Held(), required=True)
    consent_context = fields.List(Held(), required=True)
    requests = fields.List(
        Held(), required=True, metadata={"description": "Received and not processed yet"}
    )
    mails = fields.List(Held(), required=True)
    links = fields.List(
        Held(), required=True, metadata={"description": "Without their tokens, which are not held"}
    )
    files = fields.List(
        Held(),
        required=True,
        metadata={"description": "Which guides were handed out, and the SHA-256 of their files"},
    )
    ses_events = fields.List(Held(), required=True)
    former_ids = fields.List(
        fields.String(metadata={"format": "uuid"}),
        required=True,
        metadata={"description": "Ids in a system that this one replaced"},
    )
    webhooks = fields.List(
        Held(),
        required=True,
        metadata={"description": "Which other systems were told of the person"},
    )
    webhook_events = fields.List(
        Held(), required=True, metadata={"description": "What they were told or will be"}
    )
    admin_acts = fields.List(
        Held(), required=True, metadata={"description": "Who looked at or changed the record"}
    )
