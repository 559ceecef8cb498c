"""The admin API's shape of what an export is asked for with."""

from __future__ import annotations

from marshmallow import fields, validate

from leadmagnet.admin.sheet import DELIMITERS
from leadmagnet.web.admin_schemas import WRONG
from leadmagnet.web.people_schemas import FilterSchema
from leadmagnet.web.privacy_schemas import Decision


class ExportListSchema(FilterSchema):
    format = fields.String(
        load_default="csv",
        validate=validate.OneOf(("csv", "ndjson"), error="field_invalid"),
        error_messages=WRONG,
        metadata={"description": "`csv` for people, `ndjson` for programs: values as they are"},
    )
    delimiter = fields.String(
        load_default="semicolon",
        validate=validate.OneOf(tuple(DELIMITERS), error="field_invalid"),
        error_messages=WRONG,
        metadata={"description": "Of a CSV: a French Excel opens `semicolon`"},
    )
    everybody = Decision(
        load_default=False,
        error_messages=WRONG,
        metadata={"description": "If `true`, also who does not receive the newsletter"},
    )
