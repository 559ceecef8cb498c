"""What the studio offers, and the files that are handed out."""

from __future__ import annotations

import re
from typing import Any
from uuid import UUID

from flask import request

from leadmagnet.admin import magnets
from leadmagnet.database import Row
from leadmagnet.errors import VersionMissing
from leadmagnet.routes.admin.blueprint import SUBSCRIBER, WHEN, blp
from leadmagnet.web.contract import path_example
from leadmagnet.web.guard import admin, caller
from leadmagnet.web.magnet_schemas import (
    MagnetChangeSchema,
    NewMagnetSchema,
    OfferSchema,
    OffersSchema,
    UploadSchema,
)
from leadmagnet.web.people_schemas import DoneSchema, NothingSchema

SLUG = "guide-mariee-sereine"
EXAMPLE = [path_example("slug", SLUG)]
NEW = {
    "slug": SLUG,
    "title": {"fr": "Guide de la Mariée Sereine", "en": "The Serene Bride’s Guide"},
    "description": {"fr": "Douze mois, une journée.", "en": "Twelve months, one day."},
    "fileName": "Guide de la Mariée Sereine.pdf",
}
FILE = {
    "id": SUBSCRIBER,
    "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "sizeBytes": 1_048_576,
    "s3Key": f"guides/{SLUG}/9f86d081….pdf",
    "createdAt": WHEN,
    "activatedAt": WHEN,
    "current": True,
}
OFFER = {
    **NEW,
    "state": "offered",
    "version": 3,
    "texts": 4,
    "files": [FILE],
    "createdAt": WHEN,
    "retiredAt": None,
    "fileMissingSince": None,
}
DRAFT = {**OFFER, "state": "draft", "version": 1, "texts": 0, "files": []}
UPLOAD = {
    "fileId": SUBSCRIBER,
    "url": "https://studio-guides.s3.eu-west-3.amazonaws.com/",
    "fields": {"key": f"incoming/{SLUG}/{SUBSCRIBER}.pdf", "Content-Type": "application/pdf"},
    "seconds": 900,
}
ETAG = {"ETag": {"schema": {"type": "string"}, "description": "The version, to send in `If-Match`"}}
IF_MATCH = {
    "name": "If-Match",
    "in": "header",
    "required": True,
    "schema": {"type": "string"},
    "description": "The `ETag` of the magnet as the caller has seen it",
    "example": '"3"',
}


def _seen() -> list[int] | None:
    """The versions of `If-Match`, None for any. Raises VersionMissing."""
    if "If-Match" not in request.headers:
        raise VersionMissing
    if request.if_match.star_tag:
        return None
    # werkzeug reads `""` as None.
    tags = [tag or "" for tag in request.if_match.as_set()]
    return [int(tag) for tag in tags if re.fullmatch("[0-9]{1,9}", tag)]


def _shown(slug: str, status: int = 200) -> tuple[Row, int, dict[str, str]]:
    magnet = magnets.one(admin().services.database, slug)
    return magnet, status, {"ETag": f'"{magnet["version"]}"'}


@blp.get("/magnets")
@blp.needs("magnets:read")
@blp.doc(operationId="adminMagnets")
@blp.response(200, OffersSchema, description="All magnets")
def read_magnets() -> dict[str, Any]:
    """List the magnets

    Drafts and retired ones, too, each with all files that it has handed out.
    """
    return {"items": magnets.listed(admin().services.database)}


@blp.post("/magnets")
@blp.needs("magnets:manage")
@blp.doc(operationId="adminAddMagnet")
@blp.arguments(NewMagnetSchema, example=NEW)
@blp.response(201, OfferSchema, description="The new magnet", headers=ETAG)
@blp.refuses(409, "magnet_exists")
def add_magnet(body: dict[str, Any]) -> tuple[Row, int, dict[str, str]]:
    """Make a magnet

    A draft, which no visitor sees until it has a file.
    """
    magnets.add(admin().services.database, caller(), **body)
    return _shown(body["slug"], 201)


@blp.get("/magnets/<slug>", parameters=EXAMPLE)
@blp.needs("magnets:read")
@blp.doc(operationId="adminMagnet")
@blp.response(200, OfferSchema, description="The magnet", example=OFFER, headers=ETAG)
@blp.refuses(404, "magnet_unknown")
def read_magnet(slug: str) -> tuple[Row, int, dict[str, str]]:
    """Show a magnet

    Its `ETag` goes into `If-Match` of a change.
    """
    return _shown(slug)


@blp.patch("/magnets/<slug>", parameters=EXAMPLE)
@blp.needs("magnets:manage")
@blp.doc(operationId="adminChangeMagnet", parameters=[IF_MATCH])
@blp.arguments(MagnetChangeSchema, example={"fileName": "Guide 2027.pdf"})
@blp.response(200, OfferSchema, description="The magnet as it is now", headers=ETAG)
@blp.refuses(404, "magnet_unknown")
@blp.refuses(409, "magnet_retired")
@blp.refuses(412, "changed_meanwhile")
@blp.refuses(428, "version_missing")
def change_magnet(body: dict[str, Any], slug: str) -> tuple[Row, int, dict[str, str]]:
    """Change a magnet

    Title, description or file name: what is not given stays.
    """
    magnets.change(admin().services.database, caller(), slug, versions=_seen(), **body)
    return _shown(slug)


@blp.post("/magnets/<slug>/retire", parameters=EXAMPLE)
@blp.needs("magnets:manage")
@blp.doc(operationId="adminRetireMagnet")
@blp.arguments(NothingSchema)
@blp.response(200, DoneSchema, description="It is offered no more")
@blp.refuses(404, "magnet_unknown")
@blp.refuses(409, "magnet_retired")
def retire_magnet(body: dict[str, Any], slug: str) -> dict[str, str]:
    """Offer a magnet no more

    For good. Links in mails keep working.
    """
    magnets.retire(admin().services.database, caller(), slug)
    return {"status": "done"}


@blp.post("/magnets/<slug>/files", parameters=EXAMPLE)
@blp.needs("magnets:manage")
@blp.doc(operationId="adminUploadFile")
@blp.arguments(NothingSchema)
@blp.response(201, UploadSchema, description="How to upload it", example=UPLOAD)
@blp.refuses(404, "magnet_unknown")
@blp.refuses(409, "magnet_retired")
@blp.refuses(503, "storage_unavailable")
def upload_file(body: dict[str, Any], slug: str) -> dict[str, Any]:
    """Begin the upload of a file

    Post it to `url` as `multipart/form-data`: all `fields`, then the PDF as the part `file`; at
    most 50 MiB. Nothing is handed out until it is activated, within a day.
    """
    return magnets.upload(admin().services, caller(), slug)


@blp.post(
    "/magnets/<slug>/files/<uuid:file_id>/activate",
    parameters=[*EXAMPLE, path_example("file_id", SUBSCRIBER)],
)
@blp.needs("magnets:manage")
@blp.doc(operationId="adminActivateFile", parameters=[IF_MATCH])
@blp.arguments(NothingSchema)
@blp.response(200, OfferSchema, description="The magnet as it is now", headers=ETAG)
@blp.refuses(404, "magnet_unknown")
@blp.refuses(409, "upload_missing", "file_no_pdf", "file_encrypted", "file_too_large",
             "file_missing", "magnet_retired")  # fmt: skip
@blp.refuses(412, "changed_meanwhile")
@blp.refuses(428, "version_missing")
@blp.refuses(503, "storage_unavailable")
def activate_file(
    body: dict[str, Any], slug: str, file_id: UUID
) -> tuple[Row, int, dict[str, str]]:
    """Hand out a file

    One that was uploaded, or one of `files` again. An upload is examined first: a whole PDF that
    everybody can open. Links in mails hand out the new file from now on.
    """
    magnets.activate(admin().services, caller(), slug, file_id, versions=_seen())
    return _shown(slug)
