"""The admin API's shapes of erasures, and of who was told."""

from __future__ import annotations

from marshmallow import fields

from leadmagnet.web.schemas import ResponseSchema

BY = ("person", "operator", "retention", "reapply")
STATES = ("waiting", "acknowledged", "given_up")


class ToldSchema(ResponseSchema):
    endpoint = fields.String(required=True)
    address = fields.Boolean(
        required=True, metadata={"description": "Whether it had the address, or the id alone"}
    )
    state = fields.String(required=True, metadata={"enum": list(STATES)})
    acknowledged_at = fields.String(
        required=True, allow_none=True, metadata={"format": "date-time"}
    )


class ErasureSchema(ResponseSchema):
    id = fields.Integer(required=True)
    subscriber_id = fields.UUID(required=True)
    erased_at = fields.AwareDateTime(required=True)
    erased_by = fields.String(required=True, metadata={"enum": list(BY)})
    objected = fields.Boolean(
        required=True, metadata={"description": "Whether the address is suppressed as well"}
    )
    told = fields.List(fields.Nested(ToldSchema), required=True)


class ErasuresSchema(ResponseSchema):
    items = fields.List(fields.Nested(ErasureSchema), required=True)
