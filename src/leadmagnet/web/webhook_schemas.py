"""The admin API's shapes for the endpoints of webhooks."""

from __future__ import annotations

from marshmallow import fields, validate

from leadmagnet.web.admin_schemas import WRONG
from leadmagnet.web.privacy_schemas import Decision
from leadmagnet.web.schemas import CamelCaseSchema, ResponseSchema, Text
from leadmagnet.webhooks.endpoints import KINDS
from leadmagnet.webhooks.events import STATES


class NewEndpointSchema(CamelCaseSchema):
    name = fields.String(
        required=True,
        validate=[
            # As JavaScript reads it, too; in Python alone, `$` is also before a last line feed.
            validate.Regexp(r"^[a-z0-9]+(-[a-z0-9]+)*$(?!\n)", error="field_invalid"),
            validate.Length(max=50, error="field_invalid"),
        ],
        error_messages=WRONG,
    )
    url = Text(required=True, at_most=2000, code="url_refused")
    events = fields.List(
        fields.String(validate=validate.OneOf(KINDS, error="field_invalid"), error_messages=WRONG),
        load_default=list(KINDS),
        validate=validate.Length(min=1, max=len(KINDS), error="field_invalid"),
        error_messages=WRONG,
        metadata={"description": "All, unless named. An erasure is always told"},
    )
    include_email = Decision(load_default=False, error_messages=WRONG)


class SecretSchema(ResponseSchema):
    secret = fields.String(required=True, metadata={"description": "Shown this one time"})
    former_until = fields.AwareDateTime(
        required=True,
        allow_none=True,
        metadata={"description": "Until when the former secret signs as well"},
    )


class EndpointSchema(ResponseSchema):
    name = fields.String(required=True)
    url = fields.String(required=True)
    kinds = fields.List(fields.String(), required=True, data_key="events")
    include_email = fields.Boolean(required=True)
    queued = fields.Integer(required=True)
    dead = fields.Integer(required=True)
    failing_since = fields.AwareDateTime(required=True, allow_none=True)
    disabled_at = fields.AwareDateTime(required=True, allow_none=True)
    disabled_why = fields.String(required=True, allow_none=True)
    created_at = fields.AwareDateTime(required=True)


class EndpointsSchema(ResponseSchema):
    items = fields.List(fields.Nested(EndpointSchema), required=True)


class DeliveriesQuerySchema(CamelCaseSchema):
    endpoint = Text(at_most=50)
    state = fields.String(
        validate=validate.OneOf(STATES, error="field_invalid"), error_messages=WRONG
    )
    subscriber_id = fields.UUID(error_messages=WRONG)
    before = fields.UUID(
        error_messages=WRONG, metadata={"description": "The last `id` of the page before"}
    )
    erasures = fields.Boolean(load_default=False, error_messages=WRONG)
    limit = fields.Integer(
        load_default=50,
        validate=validate.Range(min=1, max=200, error="field_invalid"),
        error_messages=WRONG,
    )


class DeliverySchema(ResponseSchema):
    id = fields.UUID(required=True)
    endpoint = fields.String(required=True)
    kind = fields.String(required=True, data_key="event")
    subscriber_id = fields.UUID(required=True, allow_none=True)
    state = fields.String(required=True, metadata={"enum": list(STATES)})
    attempts = fields.Integer(required=True)
    reason = fields.String(required=True, allow_none=True)
    occurred_at = fields.AwareDateTime(required=True)
    finished_at = fields.AwareDateTime(required=True, allow_none=True)


class DeliveriesSchema(ResponseSchema):
    items = fields.List(fields.Nested(DeliverySchema), required=True)


class ReplayedSchema(ResponseSchema):
    events = fields.Integer(required=True)


class PingSchema(ResponseSchema):
    id = fields.UUID(required=True)
