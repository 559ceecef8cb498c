"""The shapes of a person's rights: what is asked for, and everything that is held."""

from __future__ import annotations

from typing import Any

from marshmallow import ValidationError, fields

from leadmagnet.web.schemas import Address, CamelCaseSchema, ResponseSchema, Text


class _Decision(fields.Boolean):
    """`true` or `false`, and nothing that merely looks like it."""

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> bool:
        if not isinstance(value, bool):
            raise ValidationError("field_invalid")
        return value


def _time(**kwargs: Any) -> fields.String:
    # The database has written it already, in UTC.
    return fields.String(metadata={"format": "date-time"}, **kwargs)


class PrivacyRequestSchema(CamelCaseSchema):
    email = Address(required=True, metadata={"format": "email"})


class EraseSchema(CamelCaseSchema):
    token = Text(required=True, code="token_invalid", at_most=500)
    object = _Decision(
        error_messages=dict.fromkeys(("null", "invalid"), "field_invalid"),
        metadata={"description": "If `true`, also suppress this address permanently"},
    )


class ErasedSchema(ResponseSchema):
    status = fields.String(required=True, metadata={"enum": ["erased"]})


class HeldSubscriberSchema(ResponseSchema):
    id = fields.String(required=True)
    email = fields.String(required=True)
    status = fields.String(required=True)
    status_at = _time(required=True)
    newsletter = fields.Boolean(required=True)
    newsletter_at = _time(required=True, allow_none=True)
    locale = fields.String(required=True)
    source = fields.String(required=True, allow_none=True)
    asked_at = _time(required=True)
    asked_consents = fields.List(fields.String(), required=True)
    privacy_asked_at = _time(required=True, allow_none=True)
    confirmed_at = _time(required=True, allow_none=True)
    created_at = _time(required=True)


class HeldEventSchema(ResponseSchema):
    id = fields.Integer(required=True)
    type = fields.String(required=True)
    purpose = fields.String(required=True, allow_none=True)
    consent_text_id = fields.String(required=True, allow_none=True)
    text = fields.String(required=True, allow_none=True)
    text_hash = fields.String(
        required=True, allow_none=True, metadata={"description": "SHA-256 of the text, in hex"}
    )
    policy_version = fields.String(required=True, allow_none=True)
    policy_url = fields.String(required=True, allow_none=True)
    locale = fields.String(required=True, allow_none=True)
    gesture = fields.String(required=True, allow_none=True)
    occurred_at = _time(required=True)
    recorded_at = _time(required=True)


class HeldContextSchema(ResponseSchema):
    event_id = fields.Integer(required=True)
    ip = fields.String(required=True, allow_none=True)
    user_agent = fields.String(required=True, allow_none=True)
    created_at = _time(required=True)


class HeldMailSchema(ResponseSchema):
    id = fields.Integer(required=True)
    magnet = fields.String(required=True, allow_none=True)
    locale = fields.String(required=True)
    consents = fields.List(fields.String(), required=True)
    state = fields.String(required=True)
    due_at = _time(required=True)
    claims = fields.Integer(required=True)
    attempts = fields.Integer(required=True)
    kind = fields.String(required=True)
    reason = fields.String(required=True, allow_none=True)
    message_id = fields.String(required=True, allow_none=True)
    sent_at = _time(required=True, allow_none=True)
    created_at = _time(required=True)


class HeldLinkSchema(ResponseSchema):
    """Without the token, of which only a hash is held"""

    id = fields.Integer(required=True)
    kind = fields.String(required=True)
    mail_id = fields.Integer(required=True)
    expires_at = _time(required=True)
    use_count = fields.Integer(required=True)
    created_at = _time(required=True)


class HeldSesEventSchema(ResponseSchema):
    """What Amazon SES told of a mail"""

    id = fields.Integer(required=True)
    mail_id = fields.Integer(required=True, allow_none=True)
    type = fields.String(required=True)
    detail = fields.String(required=True, allow_none=True)
    message_id = fields.String(required=True)
    received_at = _time(required=True)


class ExportSchema(ResponseSchema):
    """Everything held about one person, as of one moment"""

    exported_at = _time(required=True)
    subscriber = fields.Nested(HeldSubscriberSchema, required=True)
    consent_events = fields.List(fields.Nested(HeldEventSchema), required=True)
    consent_context = fields.List(fields.Nested(HeldContextSchema), required=True)
    mails = fields.List(fields.Nested(HeldMailSchema), required=True)
    links = fields.List(fields.Nested(HeldLinkSchema), required=True)
    ses_events = fields.List(fields.Nested(HeldSesEventSchema), required=True)
