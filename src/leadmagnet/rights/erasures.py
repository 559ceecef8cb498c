"""Erasure: all data about a person goes, a tombstone without personal data stays."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from typing import NamedTuple, Self
from uuid import UUID

from leadmagnet.consent import suppressions
from leadmagnet.database import Row
from leadmagnet.services import Services

log = logging.getLogger(__name__)

BATCH = 1000
# Above every id, where the newest page begins.
NEWEST = 2**63 - 1


class Tombstone(NamedTuple):
    """What a list of erasures says of one; `address_hash` only after an objection."""

    subscriber_id: UUID
    address_hash: bytes | None

    @classmethod
    def of(cls, row: Row) -> Self:
        return cls(row["subscriber_id"], row["address_hash"])

    def __str__(self) -> str:
        objection = f" {self.address_hash.hex()}" if self.address_hash else ""
        return f"{self.subscriber_id}{objection}"

    @classmethod
    def parse(cls, line: str) -> Self:
        """Read what `str()` wrote, whatever follows a #. Raises ValueError."""
        name, _, objection = line.partition("#")[0].strip().partition(" ")
        address_hash = bytes.fromhex(objection) if objection else None
        if address_hash is not None and len(address_hash) != 32:
            raise ValueError("not the keyed hash of an address")
        return cls(UUID(name), address_hash)


def erase(
    services: Services,
    subscriber_id: UUID,
    *,
    by: str,
    token_hash: bytes | None = None,
    address_hash: bytes | None = None,
) -> bool:
    """Erase everything held about the person; with `address_hash`, also suppress their address.

    False when they are not there (any more).
    """
    erased = erase_within(
        services, subscriber_id, by=by, token_hash=token_hash, address_hash=address_hash
    )
    if erased:
        log_erased(subscriber_id, by=by)
    return erased


def erase_within(
    services: Services,
    subscriber_id: UUID,
    *,
    by: str,
    token_hash: bytes | None = None,
    address_hash: bytes | None = None,
) -> bool:
    """The same in the caller's transaction, who calls `log_erased` after the commit."""
    row = services.database.one(
        "erasure_erase",
        subscriber_id=subscriber_id,
        erased_by=by,
        token_hash=token_hash,
        address_hash=address_hash,
    )
    return row is not None and row["erased"]


def log_erased(subscriber_id: UUID, *, by: str) -> None:
    log.info("subscriber_erased", extra={"subscriber_id": str(subscriber_id), "by": by})


def of_link(services: Services, token_hash: bytes) -> Row | None:
    """What an earlier erasure by this link did: `objected`. None if there was none."""
    return services.database.one("erasure_of_link", token_hash=token_hash)


def page(services: Services, *, limit: int, before: int | None = None) -> list[Row]:
    """Newest first, each with who was told of it and whether they acknowledged it."""
    before = NEWEST if before is None else before
    return services.database.all("erasures_page", before=before, limit=limit)


def listed(services: Services) -> Iterator[Row]:
    """Every erasure, newest first."""
    before = None
    while rows := page(services, limit=BATCH, before=before):
        yield from rows
        before = rows[-1]["id"]


def reapply(services: Services, tombstones: Iterable[Tombstone]) -> int:
    """Repeat the erasures and objections that a restored backup has undone, and return how many
    people were erased. Repeatable."""
    erased = 0
    for tombstone in tombstones:
        subscriber_id, address_hash = tombstone.subscriber_id, tombstone.address_hash
        if address_hash:
            suppressions.add(services, address_hash)
        erased += erase(services, subscriber_id, by="reapply", address_hash=address_hash)
    return erased
