"""The admin API's shapes for what is offered: magnets, their files, consent texts."""

from __future__ import annotations

from typing import Any

from marshmallow import ValidationError, fields, validate, validates_schema

from leadmagnet.funnel import magnets
from leadmagnet.web.admin_schemas import WRONG
from leadmagnet.web.messages import LOCALES
from leadmagnet.web.public_schemas import PURPOSES
from leadmagnet.web.schemas import CamelCaseSchema, ResponseSchema, Text


def _text(at_most: int, **kwargs: Any) -> fields.String:
    """What it may hold is ruled where it is kept: French has spaces that are not printable."""
    length = validate.Length(min=1, max=at_most, error="field_invalid")
    wrong = {**WRONG, "invalid_utf8": "field_invalid"}
    return fields.String(validate=length, error_messages=wrong, **kwargs)


def _one_of(*words: str) -> fields.String:
    return fields.String(
        required=True,
        validate=validate.OneOf(words, error="field_invalid"),
        error_messages=WRONG,
    )


class TitleSchema(CamelCaseSchema):
    fr = _text(magnets.MOST_TITLE_CHARACTERS, required=True)
    en = _text(magnets.MOST_TITLE_CHARACTERS, required=True)


class DescriptionSchema(CamelCaseSchema):
    fr = _text(magnets.MOST_DESCRIPTION_CHARACTERS, required=True)
    en = _text(magnets.MOST_DESCRIPTION_CHARACTERS, required=True)


class MagnetChangeSchema(CamelCaseSchema):
    title = fields.Nested(TitleSchema, error_messages=WRONG)
    description = fields.Nested(DescriptionSchema, error_messages=WRONG)
    file_name = _text(
        magnets.MOST_FILE_NAME_CHARACTERS,
        metadata={"description": "Under which visitors save the file"},
    )

    @validates_schema
    def something(self, data: dict[str, Any], **_: Any) -> None:
        if not data:
            raise ValidationError("field_invalid")


class NewMagnetSchema(CamelCaseSchema):
    slug = _text(
        magnets.MOST_SLUG_CHARACTERS,
        required=True,
        metadata={"description": "Lower-case letters, digits, single hyphens; never changes"},
    )
    title = fields.Nested(TitleSchema, required=True, error_messages=WRONG)
    description = fields.Nested(DescriptionSchema, required=True, error_messages=WRONG)
    file_name = _text(
        magnets.MOST_FILE_NAME_CHARACTERS,
        required=True,
        metadata={"description": "Under which visitors save the file"},
    )


class LocalesSchema(ResponseSchema):
    fr = fields.String(required=True)
    en = fields.String(required=True)


class MagnetFileSchema(ResponseSchema):
    id = fields.UUID(required=True)
    sha256 = fields.String(required=True, metadata={"description": "In hexadecimal digits"})
    size_bytes = fields.Integer(required=True)
    s3_key = fields.String(required=True)
    created_at = fields.AwareDateTime(required=True)
    activated_at = fields.AwareDateTime(
        required=True, metadata={"description": "Since when it was the current one, the last time"}
    )
    current = fields.Boolean(required=True, metadata={"description": "Whether it is handed out"})


class UploadSchema(ResponseSchema):
    file_id = fields.UUID(required=True)
    url = fields.String(required=True, metadata={"description": "Where to post the file"})
    fields_ = fields.Dict(
        keys=fields.String(),
        values=fields.String(),
        required=True,
        attribute="fields",
        data_key="fields",
        metadata={"description": "Of the form, before its part `file`"},
    )
    seconds = fields.Integer(required=True, metadata={"description": "How long that is accepted"})


class OfferSchema(ResponseSchema):
    """A magnet as the studio sees it"""

    slug = fields.String(required=True)
    state = fields.String(
        required=True,
        metadata={
            "enum": ["draft", "offered", "file_missing", "retired"],
            "description": "A draft has no file yet; visitors see what is offered",
        },
    )
    title = fields.Nested(LocalesSchema, required=True)
    description = fields.Nested(LocalesSchema, required=True)
    file_name = fields.String(required=True)
    version = fields.Integer(
        required=True, metadata={"description": "Counts the changes; the `ETag` holds it"}
    )
    texts = fields.Integer(required=True, metadata={"description": "Its current consent texts"})
    files = fields.List(
        fields.Nested(MagnetFileSchema),
        required=True,
        metadata={"description": "All that it has handed out, the newest first"},
    )
    created_at = fields.AwareDateTime(required=True)
    retired_at = fields.AwareDateTime(required=True, allow_none=True)
    file_missing_since = fields.AwareDateTime(required=True, allow_none=True)


class OffersSchema(ResponseSchema):
    items = fields.List(fields.Nested(OfferSchema), required=True)


class TextsQuerySchema(CamelCaseSchema):
    magnet = Text(metadata={"description": "Slug of a magnet, for its texts alone"})


class NewTextSchema(CamelCaseSchema):
    magnet = Text(required=True)
    purpose = _one_of(*PURPOSES)
    locale = _one_of(*LOCALES)
    text = _text(2000, required=True)
    policy_version = _text(50, required=True)
    policy_url = _text(500, required=True)
    replaces = Text(
        required=True,
        allow_none=True,
        metadata={
            "description": "The id of the current text, as the caller has seen it; null for none"
        },
    )


class OwnTextSchema(ResponseSchema):
    id = fields.String(required=True)
    magnet = fields.String(required=True)
    purpose = fields.String(required=True, metadata={"enum": list(PURPOSES)})
    locale = fields.String(required=True, metadata={"enum": list(LOCALES)})
    text = fields.String(required=True)
    policy_version = fields.String(required=True)
    policy_url = fields.String(required=True)
    created_at = fields.AwareDateTime(required=True)
    retired_at = fields.AwareDateTime(required=True, allow_none=True)


class TextsSchema(ResponseSchema):
    items = fields.List(fields.Nested(OwnTextSchema), required=True)


class AddedTextSchema(ResponseSchema):
    id = fields.String(required=True)
    replaced = fields.String(
        required=True, allow_none=True, metadata={"description": "The text that it replaces"}
    )
