"""The files of the magnets: examined when they come in, kept by SHA-256, one of them current."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import NamedTuple
from uuid import UUID

from leadmagnet.database import Database, Row, Transaction
from leadmagnet.errors import ActRefused
from leadmagnet.funnel.magnets import refusal

MOST_BYTES = 50 * 2**20
# How far a reader looks for a PDF's end mark.
TAIL_BYTES = 1024
# The entry of a trailer that makes readers ask for a password: a reference, or the dictionary. Any
# letter of a name may be written as its number. A trailer, or the dictionary of a cross-reference
# stream that takes its place, is never compressed nor inside another stream (ISO 32000-1, 7.5.8).
ENCRYPTED = re.compile(
    b"/"
    + b"".join(b"(?:%c|(?i:#%02x))" % (letter, letter) for letter in b"Encrypt")
    + rb"[\s\0]*(?:\d+[\s\0]+\d+[\s\0]+R|<<)"
)


class Pdf(NamedTuple):
    """A whole PDF that everybody can open, by what it holds."""

    sha256: bytes
    size_bytes: int

    def key(self, slug: str) -> str:
        """Where it is stored: by its SHA-256, so that no file takes the place of another."""
        return f"guides/{slug}/{self.sha256.hex()}.pdf"


def examine(chunks: Iterable[bytes]) -> Pdf:
    """Read a file once, piece by piece. Raises ActRefused."""
    digest, size, head, tail = sha256(), 0, b"", b""
    encrypted = False
    for chunk in chunks:
        digest.update(chunk)
        size += len(chunk)
        if size > MOST_BYTES:
            said = f"the file is larger than {MOST_BYTES // 2**20} MiB"
            raise ActRefused("file_too_large", said)
        if len(head) < 5:
            head += chunk[:5]
        window = tail + chunk
        encrypted = encrypted or ENCRYPTED.search(window) is not None
        tail = window[-TAIL_BYTES:]
    if not head.startswith(b"%PDF-") or b"%%EOF" not in tail:
        raise ActRefused("file_no_pdf", "this is no whole PDF file")
    if encrypted:
        said = "this PDF is encrypted: readers would be asked for a password"
        raise ActRefused("file_encrypted", said)
    return Pdf(digest.digest(), size)


def of(database: Database, slug: str | None = None) -> list[Row]:
    """Every file of every magnet, or of one; the newest first."""
    return database.all("files_of", slug=slug)


def use(
    transaction: Transaction,
    pdf: Pdf,
    *,
    slug: str,
    file_id: UUID | None = None,
    file_name: str | None = None,
    versions: Sequence[int] | None = None,
) -> None:
    """Make a stored file the one that is handed out. Raises MagnetUnknown, ChangedMeanwhile,
    ActRefused."""
    given = {"slug": slug, "sha256": pdf.sha256}
    transaction.run(
        "file_add", **given, file_id=file_id, size_bytes=pdf.size_bytes, s3_key=pdf.key(slug)
    )
    row = transaction.one(
        "file_use",
        **given,
        file_name=file_name,
        versions=None if versions is None else list(versions),
    )
    if row is None:
        raise refusal(transaction, slug)
