"""The admin API's shapes for one person: their story, and the receipt of their consent."""

from __future__ import annotations

from typing import Any

from marshmallow import EXCLUDE, Schema, fields

from leadmagnet.web.people_schemas import STATUSES, SubscriberSchema
from leadmagnet.web.schemas import ResponseSchema, camel_case

PURPOSES = ("delivery", "newsletter")


def _purpose_or_null() -> fields.String:
    return fields.String(required=True, allow_none=True, metadata={"enum": [*PURPOSES, None]})


class PersonSchema(SubscriberSchema):
    email = fields.String(required=True)
    status_at = fields.AwareDateTime(required=True)
    newsletter_at = fields.AwareDateTime(required=True, allow_none=True)
    asked_at = fields.AwareDateTime(required=True)
    privacy_asked_at = fields.AwareDateTime(required=True, allow_none=True)
    not_me_at = fields.AwareDateTime(required=True, allow_none=True)


class ConsentEventSchema(ResponseSchema):
    """One line of the ledger, with the text that it is about, its seal and its context"""

    id = fields.Integer(required=True)
    type = fields.String(required=True)
    purpose = _purpose_or_null()
    gesture = fields.String(required=True, allow_none=True)
    occurred_at = fields.AwareDateTime(required=True)
    text_id = fields.String(required=True, allow_none=True)
    text = fields.String(required=True, allow_none=True)
    locale = fields.String(required=True, allow_none=True)
    policy_version = fields.String(required=True, allow_none=True)
    policy_url = fields.String(required=True, allow_none=True)
    seal = fields.Integer(
        required=True, allow_none=True, metadata={"description": "Null until it is sealed"}
    )
    sealed_at = fields.AwareDateTime(required=True, allow_none=True)
    claim = fields.Dict(
        required=True,
        allow_none=True,
        metadata={"description": "Of an import: what the former system says"},
    )
    ip = fields.String(required=True, allow_none=True)
    user_agent = fields.String(required=True, allow_none=True)


class ProviderEventSchema(ResponseSchema):
    """What Amazon SES said about a mail"""

    type = fields.String(required=True)
    detail = fields.String(required=True, allow_none=True)
    at = fields.AwareDateTime(required=True)


class PersonMailSchema(ResponseSchema):
    id = fields.Integer(required=True)
    kind = fields.String(required=True)
    magnet = fields.String(required=True, allow_none=True)
    state = fields.String(required=True)
    reason = fields.String(required=True, allow_none=True)
    sentence = fields.String(required=True, allow_none=True)
    created_at = fields.AwareDateTime(required=True)
    sent_at = fields.AwareDateTime(required=True, allow_none=True)
    links_used = fields.Integer(
        required=True, metadata={"description": "How often its links were used"}
    )
    provider = fields.List(fields.Nested(ProviderEventSchema), required=True)


class HandedFileSchema(ResponseSchema):
    """A file that the person was handed: each version of it has another SHA-256"""

    magnet = fields.String(required=True)
    sha256 = fields.String(required=True)
    size_bytes = fields.Integer(required=True)
    first_at = fields.AwareDateTime(required=True)
    times = fields.Integer(required=True)


class HeldAs(fields.Nested):
    """As `Held`, the row as it is; the schema only describes it."""

    def __init__(self, schema: type[ResponseSchema]) -> None:
        super().__init__(schema, required=True)

    # marshmallow names the first argument otherwise here than in its own base class.
    def _serialize(self, nested_obj: Any, *args: Any, **kwargs: Any) -> Any:  # type: ignore[override]
        return {camel_case(name): content for name, content in nested_obj.items()}


class StorySchema(ResponseSchema):
    """One person: texts as shown, every action with its time, seal and context, every mail"""

    subscriber = HeldAs(PersonSchema)
    events = fields.List(HeldAs(ConsentEventSchema), required=True)
    mails = fields.List(HeldAs(PersonMailSchema), required=True)
    files = fields.List(HeldAs(HandedFileSchema), required=True)
    actions = fields.List(
        fields.String(metadata={"enum": ["erase", "unsubscribe", "resend"]}),
        required=True,
        metadata={"description": "What may be done now, decided by what would refuse it"},
    )


class SignedSchema(Schema):
    """Part of the receipt, which is signed: answered as it is, its names those of TS 27560."""

    class Meta:
        unknown = EXCLUDE


class ReceiptMetadataSchema(SignedSchema):
    schema_version = fields.String(required=True)
    receipt_id = fields.String(required=True)
    issued_at = fields.AwareDateTime(required=True)


class ReceiptHeaderSchema(SignedSchema):
    schema_version = fields.String(required=True)
    record_id = fields.UUID(required=True)
    pii_principal_id = fields.String(
        required=True, metadata={"description": "The person's address"}
    )


class ReceiptPurposeSchema(SignedSchema):
    purpose = fields.String(required=True)
    purpose_type = fields.String(required=True, metadata={"enum": list(PURPOSES)})
    lawful_basis = fields.String(required=True)
    services = fields.List(fields.String(), required=True)
    pii_information = fields.List(fields.Dict(), required=True)
    pii_controllers = fields.List(fields.String(), required=True)
    collection_method = fields.String(required=True)
    withdrawal_method = fields.String(required=True)
    jurisdiction = fields.String(required=True)


class ReceiptProcessingSchema(SignedSchema):
    """A text that the person agreed to"""

    privacy_notice = fields.String(required=True)
    privacy_notice_version = fields.String(required=True)
    language = fields.String(required=True, allow_none=True)
    notice_id = fields.String(required=True)
    notice_wording = fields.String(required=True)
    notice_wording_sha256 = fields.String(required=True)
    purposes = fields.List(fields.Nested(ReceiptPurposeSchema), required=True)


class ReceiptPartySchema(SignedSchema):
    party_id = fields.String(required=True)
    party_name = fields.String(required=True)
    party_address = fields.String(required=True)
    party_contact = fields.String(required=True)
    party_role = fields.String(required=True)


class ReceiptEventSchema(SignedSchema):
    event_id = fields.Integer(required=True)
    event_time = fields.AwareDateTime(required=True)
    event_type = fields.String(required=True)
    event_state = fields.String(required=True)
    gesture = fields.String(required=True, allow_none=True)
    purpose_type = _purpose_or_null()
    notice_id = fields.String(required=True, allow_none=True)
    entity_id = fields.String(required=True, metadata={"description": "Who acted"})
    claim = fields.Dict(metadata={"description": "Of an import: what the former system says"})


class ReceiptFileSchema(SignedSchema):
    service = fields.String(required=True, metadata={"description": "The magnet"})
    sha256 = fields.String(required=True)
    size_bytes = fields.Integer(required=True)
    first_time = fields.AwareDateTime(required=True)
    times = fields.Integer(required=True)


class ReceiptContentSchema(SignedSchema):
    receipt_metadata = fields.Nested(ReceiptMetadataSchema, required=True)
    record_header = fields.Nested(ReceiptHeaderSchema, required=True)
    pii_processing = fields.List(fields.Nested(ReceiptProcessingSchema), required=True)
    party_identification = fields.List(fields.Nested(ReceiptPartySchema), required=True)
    events = fields.List(fields.Nested(ReceiptEventSchema), required=True)
    files_handed_out = fields.List(fields.Nested(ReceiptFileSchema), required=True)
    record_state = fields.String(required=True, metadata={"enum": list(STATUSES)})


class ReceiptSignatureSchema(SignedSchema):
    algorithm = fields.String(required=True)
    canonicalization = fields.String(required=True)
    public_key = fields.String(required=True)
    value = fields.String(required=True)


class ReceiptSchema(SignedSchema):
    """A consent receipt in the terms of ISO/IEC TS 27560, signed"""

    receipt = fields.Nested(ReceiptContentSchema, required=True)
    signature = fields.Nested(ReceiptSignatureSchema, required=True)
