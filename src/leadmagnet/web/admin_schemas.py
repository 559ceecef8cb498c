"""The admin API's shapes."""

from __future__ import annotations

from typing import Any

from marshmallow import fields, validate

from leadmagnet.admin.roles import ACTIONS
from leadmagnet.web.schemas import CamelCaseSchema, ResponseSchema

WRONG: Any = dict.fromkeys(
    ("required", "null", "invalid", "invalid_uuid", "too_large"), "field_invalid"
)


class MeSchema(ResponseSchema):
    actor = fields.String(
        required=True, metadata={"description": "`key:<name>`, or `oidc:<sub>` of a token"}
    )
    role = fields.String(required=True, metadata={"enum": ["viewer", "owner"]})
    permissions = fields.List(
        fields.String(), required=True, metadata={"description": "What the role may do"}
    )
    time_zone = fields.String(
        required=True, metadata={"description": "The studio's, in which days begin and end"}
    )


class PageQuerySchema(CamelCaseSchema):
    before = fields.Integer(
        validate=validate.Range(min=1, max=2**63 - 1, error="field_invalid"),
        error_messages=WRONG,
        metadata={"description": "The last `id` of the page before"},
    )
    limit = fields.Integer(
        load_default=50,
        validate=validate.Range(min=1, max=200, error="field_invalid"),
        error_messages=WRONG,
    )


class AuditQuerySchema(PageQuerySchema):
    subscriber_id = fields.UUID(error_messages=WRONG)


class AuditEntrySchema(ResponseSchema):
    id = fields.Integer(required=True)
    occurred_at = fields.AwareDateTime(required=True)
    actor = fields.String(required=True)
    action = fields.String(
        required=True,
        metadata={
            "enum": sorted(ACTIONS),
            "description": "The permission that the act takes, or what a command did",
        },
    )
    outcome = fields.String(required=True, metadata={"enum": ["done", "refused"]})
    subscriber_id = fields.UUID(required=True, allow_none=True)
    detail = fields.Dict(required=True)
    request_id = fields.String(required=True, allow_none=True)


class AuditSchema(ResponseSchema):
    items = fields.List(fields.Nested(AuditEntrySchema), required=True)
