"""The admin API's shapes for the people on the list."""

from __future__ import annotations

from marshmallow import ValidationError, fields, validate, validates_schema

from leadmagnet.web.admin_schemas import WRONG
from leadmagnet.web.privacy_schemas import Decision
from leadmagnet.web.schemas import Address, CamelCaseSchema, ResponseSchema, Text

STATUSES = ("pending", "confirmed", "unsubscribed", "bounced", "complained")


class FilterSchema(CamelCaseSchema):
    status = fields.String(
        validate=validate.OneOf(STATUSES, error="field_invalid"), error_messages=WRONG
    )
    source = Text(at_most=64)
    magnet = Text(at_most=100)
    asked_from = fields.AwareDateTime(error_messages=WRONG)
    asked_before = fields.AwareDateTime(error_messages=WRONG)
    without_file = Decision(
        error_messages=WRONG, metadata={"description": "Confirmed, and never got the file"}
    )
    mail_dead = Decision(
        error_messages=WRONG, metadata={"description": "A mail to them could not be sent"}
    )


class NextPageSchema(CamelCaseSchema):
    """As `Link` has it: a cursor holds no address"""

    cursor = Text(at_most=300, metadata={"description": "`nextCursor` of the page before"})


class SearchSchema(FilterSchema, NextPageSchema):
    """In the body: an address in a query string would end in the logs of every proxy"""

    address = Address(metadata={"description": "Exactly this address"})
    prefix = Text(at_least=2, at_most=100, metadata={"description": "The address begins so"})
    newsletter = Decision(error_messages=WRONG)
    limit = fields.Integer(
        strict=True,
        load_default=50,
        validate=validate.Range(min=1, max=200, error="field_invalid"),
        error_messages=WRONG,
    )

    @validates_schema
    def _one_of_both(self, data: dict[str, object], **kwargs: object) -> None:
        if "address" in data and "prefix" in data:
            raise ValidationError("field_invalid", "prefix")


class SubscriberSchema(ResponseSchema):
    id = fields.UUID(required=True)
    email = fields.String(
        required=True, metadata={"description": "Masked, like `a•••@e•••.org`, for a viewer"}
    )
    status = fields.String(required=True, metadata={"enum": list(STATUSES)})
    newsletter = fields.Boolean(required=True)
    source = fields.String(required=True, allow_none=True)
    locale = fields.String(required=True)
    created_at = fields.AwareDateTime(required=True)
    confirmed_at = fields.AwareDateTime(required=True, allow_none=True)


class SubscriberPageSchema(ResponseSchema):
    items = fields.List(fields.Nested(SubscriberSchema), required=True)
    next_cursor = fields.String(
        required=True, allow_none=True, metadata={"description": "Null on the last page"}
    )


class EraseSubscriberSchema(CamelCaseSchema):
    reason = fields.String(
        required=True,
        validate=validate.OneOf(("person_asked", "duplicate", "test"), error="field_invalid"),
        error_messages=WRONG,
    )
    object = Decision(
        error_messages=WRONG,
        load_default=False,
        metadata={"description": "If `true`, also suppress this address permanently"},
    )


class NothingSchema(CamelCaseSchema):
    """An empty object"""


class DoneSchema(ResponseSchema):
    status = fields.String(required=True, metadata={"enum": ["done"]})
