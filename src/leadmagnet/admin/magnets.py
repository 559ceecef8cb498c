"""What is offered and with which consent texts, for the studio's owner and for operators: each
change with its row in the audit."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from leadmagnet.admin import audit
from leadmagnet.admin.audit import Caller
from leadmagnet.consent import texts
from leadmagnet.database import Database, Row, Transaction
from leadmagnet.errors import MagnetUnknown
from leadmagnet.funnel import files, magnets

# The versions of a magnet that a caller has seen; None for any.
Versions = Sequence[int] | None
# Puts an object into the bucket, by key; raises FileUnavailable.
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
    """Offer a new magnet. Raises Refused, ActRefused, FileUnavailable."""

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
    """Hand out another file. Raises Refused, MagnetUnknown, ActRefused, FileUnavailable."""

    def write(transaction: Transaction) -> None:
        magnets.change(transaction, slug, file_name=file_name)

    _with_file(database, caller, "put", slug, store, data, write)


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
    with _acting(database, caller, "retire_text", text=text_id) as (transaction, _):
        texts.retire(transaction, text_id)


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
