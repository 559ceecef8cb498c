"""What the studio offers, and whether its files are in the bucket."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256
from typing import Any

from leadmagnet.database import Database, Row
from leadmagnet.errors import FileUnavailable, MagnetUnknown
from leadmagnet.services import Services

log = logging.getLogger(__name__)

PDF_BYTES = 50 * 2**20
# Puts an object into the bucket, by key; raises FileUnavailable.
Store = Callable[[str, bytes], None]


class MagnetError(Exception):
    """The magnet cannot be changed so; the message says why."""


def offered(services: Services, *, locale: str) -> list[Row]:
    """The magnets that a visitor can sign up for, oldest first."""
    return services.database.all("magnet_list", locale=locale)


def page(services: Services, slug: str, *, locale: str) -> Row:
    """What a page shows: title, description, consent texts. Raises MagnetUnknown."""
    row = services.database.one("magnet_page", slug=slug, locale=locale)
    if row is None:
        raise MagnetUnknown
    return row


def listed(database: Database) -> list[Row]:
    """Every magnet, retired ones included, with its current consent texts counted."""
    return database.all("magnets_listed")


def add(
    database: Database,
    store: Store,
    pdf: bytes,
    *,
    slug: str,
    title: dict[str, str],
    description: dict[str, str],
    file_name: str,
) -> None:
    """Offer a new magnet; `title` and `description` by locale. Raises MagnetError."""
    _with_file(
        database,
        store,
        pdf,
        "magnet_add",
        f"there is a magnet {slug!r} already: use `leadmagnet magnets put`",
        slug=slug,
        title=json.dumps(title),
        description=json.dumps(description),
        file_name=file_name,
    )


def put(database: Database, store: Store, pdf: bytes, *, slug: str, file_name: str | None) -> None:
    """Replace the file of a magnet; links in mails hand out the new one. Raises MagnetError."""
    refusal = f"there is no magnet {slug!r} that is offered"
    _with_file(database, store, pdf, "magnet_set_file", refusal, slug=slug, file_name=file_name)


def retire(database: Database, slug: str) -> None:
    """Offer a magnet no more; links in mails keep working. Raises MagnetError."""
    if database.one("magnet_retire", slug=slug) is None:
        raise MagnetError(f"there is no magnet {slug!r} that is offered")


class _Rehearsed(Exception):
    """Rolls back what was only tried."""


def _with_file(
    database: Database, store: Store, pdf: bytes, query: str, refusal: str, **row: Any
) -> None:
    """Store the file and write the row that names it; where the row is refused, neither."""
    row["s3_key"] = _key(pdf, slug=row["slug"])
    with suppress(_Rehearsed), database.transaction() as rehearsal:
        if rehearsal.one(query, **row) is None:
            raise MagnetError(refusal)
        raise _Rehearsed
    try:
        store(row["s3_key"], pdf)
    except FileUnavailable as error:
        raise MagnetError(f"S3 did not take the file ({error})") from error
    if database.one(query, **row) is None:
        raise MagnetError(refusal)


def _key(pdf: bytes, *, slug: str) -> str:
    """Where the file is stored: by its SHA-256, so that no version replaces another."""
    if not re.fullmatch("[a-z0-9]+(-[a-z0-9]+)*", slug) or len(slug) > 100:
        raise MagnetError("a slug has lower-case letters, digits and single hyphens")
    if len(pdf) > PDF_BYTES:
        raise MagnetError(f"the file is larger than {PDF_BYTES // 2**20} MiB")
    if not pdf.startswith(b"%PDF-") or b"%%EOF" not in pdf[-1024:]:
        raise MagnetError("this is no whole PDF file")
    if b"/Encrypt" in pdf[-65536:]:
        raise MagnetError("this PDF is encrypted: readers would be asked for a password")
    return f"guides/{slug}/{sha256(pdf).hexdigest()}.pdf"


def check_files(services: Services) -> None:
    """Mark the magnets whose file is missing, so that no visitor is sent to it."""
    for magnet in services.database.all("magnet_files"):
        found = services.files.exists(magnet["s3_key"])
        if not found:
            log.error("magnet_file_missing", extra={"magnet": magnet["slug"]})
        if found == magnet["missing"]:
            services.database.run("magnet_file_found", magnet_id=magnet["id"], found=found)
