"""The list as a file."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from typing import IO, Any

from werkzeug.wrappers import Response

from leadmagnet.admin import exports
from leadmagnet.routes.admin.blueprint import blp
from leadmagnet.web.export_schemas import ExportListSchema
from leadmagnet.web.guard import admin, caller

TYPES = {"csv": "text/csv; charset=utf-8", "ndjson": "application/x-ndjson"}
PIECE = 65_536
JSON_LINES = {
    "schema": {"type": "string"},
    "example": '{"email": "ada@example.org", "status": "confirmed"}\n',
}


@blp.post("/exports")
@blp.needs("subscribers:export")
@blp.doc(
    operationId="adminExport",
    responses={200: {"content": {"application/x-ndjson": JSON_LINES}}},
)
@blp.arguments(ExportListSchema, example={"format": "csv", "delimiter": "semicolon"})
@blp.response(
    200,
    {"type": "string"},
    description="The file",
    content_type="text/csv",
    example='"Email";"Statut"\r\n"ada@example.org";"confirmé"\r\n',
)
@blp.refuses(409, "export_running", "export_too_long")
@blp.refuses(503, "export_file_unavailable")
def export(body: dict[str, Any]) -> Response:
    """The list as a file: a CSV, or JSON lines

    Only who receives the newsletter, with what proves it, unless `everybody`. Whole or an error:
    `Content-Length` and `Repr-Digest` are of the file as it was written from one snapshot, and in
    the audit before its first byte goes. `leadmagnet exports verify` knows a copy again.
    """
    form = body.pop("format")
    written = exports.write(admin().services, caller(), form=form, **body)
    response = Response(_pieces(written.file), content_type=TYPES[form])
    # Also where nobody has read the first piece.
    response.call_on_close(written.file.close)
    response.headers["Content-Length"] = str(written.size)
    # A proxy that compressed it would take the length away, by which a whole file is known.
    response.headers["Cache-Control"] = "no-store, no-transform"
    response.headers["Content-Disposition"] = f'attachment; filename="{written.id}.{form}"'
    response.headers["Repr-Digest"] = f"sha-256=:{b64encode(written.sha256).decode()}:"
    return response


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        while piece := file.read(PIECE):
            yield piece
