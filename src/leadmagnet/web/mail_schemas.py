"""The admin API's shapes for the mails."""

from __future__ import annotations

from marshmallow import fields, validate

from leadmagnet.web.admin_schemas import WRONG
from leadmagnet.web.privacy_schemas import Decision
from leadmagnet.web.schemas import CamelCaseSchema, ResponseSchema


class MailsQuerySchema(CamelCaseSchema):
    limit = fields.Integer(
        load_default=50,
        validate=validate.Range(min=1, max=200, error="field_invalid"),
        error_messages=WRONG,
    )


class MailStatesSchema(ResponseSchema):
    queued = fields.Integer(required=True)
    sent = fields.Integer(required=True, metadata={"description": "In the last 30 days"})
    dead = fields.Integer(required=True)


class _ExplainedSchema(ResponseSchema):
    reason = fields.String(required=True, allow_none=True, metadata={"description": "A word"})
    sentence = fields.String(
        required=True, allow_none=True, metadata={"description": "What Amazon SES said"}
    )
    cause = fields.String(
        required=True, allow_none=True, metadata={"description": "The reason in the owner's words"}
    )
    what_to_do = fields.String(required=True, allow_none=True)


class SendingSchema(_ExplainedSchema):
    state = fields.String(
        required=True,
        metadata={
            "enum": ["sending", "throttled", "paused", "held"],
            "description": "`paused` tries again by itself; `held` waits for `POST /mails/resume`",
        },
    )
    wait_seconds = fields.Integer(
        required=True, allow_none=True, metadata={"description": "Null while it is held"}
    )


class StuckMailSchema(_ExplainedSchema):
    id = fields.Integer(required=True)
    subscriber_id = fields.UUID(required=True)
    kind = fields.String(required=True)
    state = fields.String(required=True, metadata={"enum": ["queued", "dead"]})
    attempts = fields.Integer(required=True)
    created_at = fields.AwareDateTime(required=True)
    due_at = fields.AwareDateTime(required=True)


class MailsSchema(ResponseSchema):
    states = fields.Nested(MailStatesSchema, required=True)
    sending = fields.Nested(SendingSchema, required=True)
    items = fields.List(fields.Nested(StuckMailSchema), required=True)


class RetryMailsSchema(CamelCaseSchema):
    ids = fields.List(
        fields.Integer(
            strict=True,
            validate=validate.Range(min=1, max=2**63 - 1, error="field_invalid"),
            error_messages=WRONG,
        ),
        validate=validate.Length(min=1, max=200, error="field_invalid"),
        error_messages=WRONG,
    )
    all = Decision(
        load_default=False,
        error_messages=WRONG,
        metadata={"description": "Every dead mail, in place of `ids`"},
    )


class MailsDueSchema(ResponseSchema):
    mails = fields.Integer(required=True, metadata={"description": "How many are due again"})
