"""What is offered and with which consent texts, for the studio's owner and for operators: each
change with its row in the audit."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any
from uuid import UUID

from leadmagnet.admin import audit
from leadmagnet.admin.audit import Caller
from leadmagnet.consent import texts
from leadmagnet.database import Database, Row, Transaction
from leadmagnet.errors import ActRefused, MagnetUnknown
from leadmagnet.funnel import files, magnets
from leadmagnet.funnel.files import Pdf
from leadmagnet.services import Services

# The versions of a magnet that a caller has seen; None for any.
Versions = Sequence[int] | None
# Puts an object into the bucket, by key; raises StorageUnavailable.
Store = Callable[[str, bytes], None]


@contextmanager
def _acting(
    database: Database, caller: Caller, act: str, **detail: object
) -> Iterator[tuple[Transaction, dict[str, object]]]:
    """One transaction for a change and its row in the audit."""
    noted = {"act": act, **detail}
    with database.transaction() as transaction:
        yield transaction, noted
        audit.record(transaction, caller, "magnets:manage", detail=noted)


def listed(database: Database) -> list[Row]:
    """Every magnet with its files."""
    return _with_files(magnets.listed(database), files.of(database))


def one(database: Database, slug: str) -> Row:
    """A magnet with its files. Raises MagnetUnknown."""
    found = _with_files(magnets.listed(database, slug), files.of(database, slug))
    if not found:
        raise MagnetUnknown(f"there is no magnet {slug!r}")
    return found[0]


def add(database: Database, caller: Caller, *, slug: str, **given: Any) -> None:
    """A draft until it has a file. Raises Refused, ActRefused."""
    with _acting(database, caller, "add", magnet=slug) as (transaction, _):
        magnets.add(transaction, slug=slug, **given)


def add_with_file(
    database: Database, caller: Caller, store: Store, data: bytes, *, slug: str, **given: Any
) -> None:
    """Offer a new magnet. Raises Refused, ActRefused, StorageUnavailable."""

    def write(transaction: Transaction) -> None:
        magnets.add(transaction, slug=slug, **given)

    _with_file(database, caller, "add", slug, store, data, write)


def put(
    database: Database,
    caller: Caller,
    store: Store,
    data: bytes,
    *,
    slug: str,
    file_name: str | None,
) -> None:
    """Hand out another file. Raises Refused, MagnetUnknown, ActRefused, StorageUnavailable."""

    def write(transaction: Transaction) -> None:
        magnets.change(transaction, slug, file_name=file_name)

    _with_file(database, caller, "put", slug, store, data, write)


def upload(services: Services, caller: Caller, slug: str) -> dict[str, Any]:
    """The id of a new file, and how to upload it. Raises MagnetUnknown, ActRefused,
    StorageUnavailable."""
    _require(one(services.database, slug))
    file_id = UUID(bytes=services.random_bytes(16), version=4)
    form = services.files.upload_form(_incoming(slug, file_id), most_bytes=files.MOST_BYTES)
    with _acting(services.database, caller, "upload", magnet=slug, file=str(file_id)):
        return {"file_id": file_id, **form._asdict()}


def activate(
    services: Services, caller: Caller, slug: str, file_id: UUID, *, versions: Versions
) -> None:
    """Hand out an uploaded file, or a former one again. Raises MagnetUnknown, ChangedMeanwhile,
    ActRefused, StorageUnavailable."""
    magnet = one(services.database, slug)
    _require(magnet, versions)
    former = next((row for row in magnet["files"] if row["id"] == file_id), None)
    pdf = _stored(services, former) if former else _taken_in(services, slug, file_id)
    noted = {"magnet": slug, "file": str(file_id), "sha256": pdf.sha256.hex()}
    with _acting(services.database, caller, "activate", **noted) as (transaction, _):
        files.use(transaction, pdf, slug=slug, file_id=file_id, versions=versions)


def change(
    database: Database, caller: Caller, slug: str, *, versions: Versions, **given: Any
) -> None:
    """Raises Refused, MagnetUnknown, ChangedMeanwhile, ActRefused."""
    with _acting(database, caller, "change", magnet=slug, fields=sorted(given)) as (transaction, _):
        magnets.change(transaction, slug, versions=versions, **given)


def retire(database: Database, caller: Caller, slug: str) -> None:
    """Raises MagnetUnknown, ActRefused."""
    with _acting(database, caller, "retire", magnet=slug) as (transaction, _):
        magnets.retire(transaction, slug)


def listed_texts(database: Database, *, magnet: str | None = None) -> list[Row]:
    """All consent texts, current and retired, or those of one magnet."""
    return texts.listed(database, magnet=magnet)


def add_text(
    database: Database, caller: Caller, *, magnet: str, **given: Any
) -> tuple[str, str | None]:
    """The ids of the new text and of the one whose place it takes. Raises Refused, MagnetUnknown,
    ActRefused."""
    with _acting(database, caller, "add_text", magnet=magnet) as (transaction, noted):
        added, replaced = texts.add(transaction, magnet=magnet, **given)
        noted.update(text=added, replaced=replaced)
    return added, replaced


def retire_text(database: Database, caller: Caller, text_id: str) -> None:
    """Raises TextUnknown."""
    with _acting(database, caller, "retire_text", text=text_id) as (transaction, noted):
        noted["magnet"] = texts.retire(transaction, text_id)


def _require(magnet: Row, versions: Versions = None) -> None:
    """Refuse early what would be refused in the end."""
    if magnet["retired_at"] or (versions is not None and magnet["version"] not in versions):
        raise magnets.refused(magnet)


def _incoming(slug: str, file_id: UUID) -> str:
    # What is not activated is deleted by the bucket's lifecycle.
    return f"incoming/{slug}/{file_id}.pdf"


def _stored(services: Services, former: Row) -> Pdf:
    if not services.files.exists(former["s3_key"]):
        raise ActRefused("file_missing")
    return Pdf(bytes.fromhex(former["sha256"]), former["size_bytes"])


def _taken_in(services: Services, slug: str, file_id: UUID) -> Pdf:
    """Examine an upload and keep it under its SHA-256."""
    incoming = _incoming(slug, file_id)
    stored = services.files.read(incoming)
    if stored is None:
        raise ActRefused("upload_missing")
    pdf = files.examine(stored.pieces)
    services.files.copy(incoming, pdf.key(slug), etag=stored.etag)
    return pdf


class _Rehearsed(Exception):
    """Rolls back what was only tried."""


def _with_file(
    database: Database,
    caller: Caller,
    act: str,
    slug: str,
    store: Store,
    data: bytes,
    write: Callable[[Transaction], None],
) -> None:
    """A change with a file, which is stored only if a rehearsal of the change is not refused."""
    pdf = files.examine([data])

    def change(*, rehearsal: bool) -> None:
        sha256 = pdf.sha256.hex()
        with _acting(database, caller, act, magnet=slug, sha256=sha256) as (transaction, _):
            write(transaction)
            files.use(transaction, pdf, slug=slug)
            if rehearsal:
                raise _Rehearsed

    with suppress(_Rehearsed):
        change(rehearsal=True)
    store(pdf.key(slug), data)
    change(rehearsal=False)


def _with_files(found: list[Row], held: list[Row]) -> list[Row]:
    for row in held:
        row["sha256"] = row["sha256"].hex()
    return [
        {**magnet, "files": [row for row in held if row["slug"] == magnet["slug"]]}
        for magnet in found
    ]
