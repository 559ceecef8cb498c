"""The admin API's shapes for the figures."""

from __future__ import annotations

from datetime import date
from typing import Any

from marshmallow import fields, validate

from leadmagnet.web.admin_schemas import WRONG
from leadmagnet.web.schemas import CamelCaseSchema, ResponseSchema, Text

DAY: Any = {**WRONG, "format": "field_invalid"}
SENSIBLE = validate.Range(min=date(2000, 1, 1), max=date(2100, 1, 1), error="field_invalid")


class StatsQuerySchema(CamelCaseSchema):
    first = fields.Date(
        data_key="from",
        error_messages=DAY,
        validate=SENSIBLE,
        metadata={"description": "The first day; without it, thirty days are told"},
    )
    last = fields.Date(
        data_key="to",
        error_messages=DAY,
        validate=SENSIBLE,
        metadata={"description": "The last day, which is included; without it, today"},
    )
    magnet = Text(at_most=100, metadata={"description": "Only those who asked for this magnet"})


def _count() -> Any:
    return fields.Integer(required=True)


def _rate(of: str) -> Any:
    return fields.Float(
        required=True,
        allow_none=True,
        metadata={"description": f"In percent of {of}; null where that is none"},
    )


class FiguresSchema(ResponseSchema):
    """Of those who asked for the first time in the period, what has become of them by now"""

    asked = _count()
    mailed = _count()
    confirmed = _count()
    file_handed_out = _count()
    newsletter = _count()
    bounced = _count()
    complained = _count()
    unsubscribed = _count()
    confirm_rate = _rate("those who asked")
    newsletter_rate = _rate("those who confirmed")
    bounce_rate = _rate("those mailed")


class TotalSchema(FiguresSchema):
    erased = fields.Integer(
        required=True, metadata={"description": "How many of them were erased since"}
    )
    median_minutes_to_confirm = fields.Float(
        required=True,
        allow_none=True,
        metadata={"description": "Of those still there; null where nobody confirmed"},
    )


class DayFiguresSchema(FiguresSchema):
    day = fields.Date(required=True)


class SourceFiguresSchema(FiguresSchema):
    source = fields.String(required=True, allow_none=True)


class MagnetFiguresSchema(FiguresSchema):
    magnet = fields.String(required=True)


class ProviderFiguresSchema(FiguresSchema):
    provider = fields.String(required=True)


class StatsSchema(ResponseSchema):
    first = fields.Date(required=True, data_key="from", attribute="from")
    last = fields.Date(required=True, data_key="to", attribute="to")
    time_zone = fields.String(required=True, metadata={"description": "In which the days are"})
    total = fields.Nested(TotalSchema, required=True)
    by_day = fields.List(fields.Nested(DayFiguresSchema), required=True)
    by_source = fields.List(
        fields.Nested(SourceFiguresSchema),
        required=True,
        metadata={"description": "The most frequent first, at most fifty"},
    )
    by_magnet = fields.List(
        fields.Nested(MagnetFiguresSchema),
        required=True,
        metadata={"description": "Who asked for several magnets is counted with each"},
    )
    by_provider = fields.List(fields.Nested(ProviderFiguresSchema), required=True)
