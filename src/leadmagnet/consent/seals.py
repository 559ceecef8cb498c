"""Seals the ledger and the audit: extends the chain by what is new, never over a changed past."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import timedelta
from typing import NoReturn

from leadmagnet.consent import chain, kept_head
from leadmagnet.consent.chain import GENESIS, Head
from leadmagnet.database import Database, Row, Transaction
from leadmagnet.services import Services

log = logging.getLogger(__name__)

BATCH = 1000
# How many ids behind the latest sealed one a row is looked for whose transaction was slow.
REACH = 10_000
EVERYTHING = 2**62


class SealingRefused(Exception):
    """The chain is not as it was left, so it is not extended; the message says what is missing."""


class Sealer:
    """Extends the chain, and remembers its end where the database's own users cannot change it."""

    def __init__(
        self,
        services: Services,
        *,
        settling_time: timedelta = chain.SETTLING_TIME,
        reach: int = REACH,
    ) -> None:
        self._services = services
        self._keys = services.config.hash_keys
        self._file = services.config.ledger_head_file
        self._settling_time = settling_time
        self._reach = reach
        self._latest: Head | None = None

    def seal(self) -> int:
        """Seal one batch; how many. 0 also where another sealer was first.

        Raises SealingRefused, and logs it, when the last seal is not ours or a head that we
        remember is not in the chain.
        """
        with self._services.database.transaction() as transaction:
            end, key = self._checked_end(transaction)
            seals = list(_seals(self._due(transaction), end, key))
            if not seals or not _write(transaction, seals, key):
                return 0
        self._remember(Head(seals[-1]["position"], seals[-1]["chain_hash"]))
        return len(seals)

    def _due(self, transaction: Transaction) -> list[Row]:
        return transaction.all(
            "seal_due",
            settling_time=self._settling_time,
            clock_tolerance=chain.CLOCK_TOLERANCE,
            reach=self._reach,
            batch=BATCH,
        )

    def _remember(self, end: Head) -> None:
        self._latest = end
        # In the log, which is kept elsewhere, the head is a witness; half of it is enough.
        extra = {"position": end.position, "chain_hash": end.chain_hash.hex()[:32]}
        log.info("ledger_sealed", extra=extra)
        if self._file:
            try:
                kept_head.write(self._file, end)
            except OSError as error:
                log.error("ledger_head_not_kept", exc_info=error)

    def _checked_end(self, transaction: Transaction) -> tuple[Head, bytes]:
        """The end of the chain, and the key that seals now."""
        row = transaction.one("seal_latest")
        end = Head(row["position"], row["chain_hash"]) if row else GENESIS
        if row and not self._is_ours(row):
            self._refuse(end, f"seal {end.position} was altered, or made with another key")
        for known in (self._latest, self._kept(end)):
            if known and not holds(transaction, known):
                self._refuse(end, f"seal {known.position} was removed or made anew")
        return end, self._sealing_key(row)

    def _sealing_key(self, row: Row | None) -> bytes:
        """A former key seals until `leadmagnet keys rotate-hash`: workers change one by one."""
        proven = [key for key in self._keys if row and chain.proof_hash(key) == row["proof_hash"]]
        return proven[0] if proven else self._keys[0]

    def _kept(self, end: Head) -> Head | None:
        if not self._file:
            return None
        try:
            kept = kept_head.read(self._file)
        except kept_head.KeptHeadError as error:
            self._refuse(end, str(error))
        if kept is None and end.position and self._latest is None:
            log.warning("ledger_head_adopted", extra={"position": end.position})
        return kept

    def _is_ours(self, row: Row) -> bool:
        previous = row["previous"] or (GENESIS.chain_hash if row["position"] == 1 else b"")
        return chain.made_with(row, previous, self._keys) is not None

    def _refuse(self, end: Head, reason: str) -> NoReturn:
        log.error("ledger_sealing_refused", extra={"position": end.position, "reason": reason})
        raise SealingRefused(
            f"{reason}: nothing is sealed until `leadmagnet ledger verify` has been looked at"
            " (docs/ledger.md says how to go on)"
        )


def head(services: Services) -> Head:
    """The end of the chain as the database has it, unchecked."""
    row = services.database.one("seal_latest")
    return Head(row["position"], row["chain_hash"]) if row else GENESIS


def holds(database: Database | Transaction, known: Head) -> bool:
    """Whether the chain still passes through a head of before."""
    there = database.one("seal_at", position=known.position)
    return known.position == 0 or (there is not None and known.fits(there["chain_hash"]))


def rotate_key(database: Database, key: bytes, former: tuple[bytes, ...]) -> bool:
    """Let the key seal from now on, by the owner's connection; false when it does already.

    Raises SealingRefused when none of the former keys has sealed until now.
    """
    row = database.one(
        "seal_key_rotate",
        proof_hash=chain.proof_hash(key),
        former=[chain.proof_hash(each) for each in former],
    )
    assert row is not None  # noqa: S101 - a SELECT of expressions always gives a row
    if not (row["rotated"] or row["unsealed"] or row["done"]):
        raise SealingRefused("the key that seals now is not among FORMER_HASH_KEYS: add it there")
    return bool(row["rotated"])


def _write(transaction: Transaction, seals: list[Row], key: bytes) -> bool:
    columns = {name: [seal[name] for seal in seals] for name in seals[0]}
    row = transaction.one(
        "seal_write",
        key_proof=chain.key_proof(key),
        first_position=seals[0]["position"],
        **{f"{kind}_ids": columns[f"{kind}_id"] for kind in chain.FIELDS},
        digests=columns["digest"],
        chain_hashes=columns["chain_hash"],
    )
    return bool(row and row["written"])


def _seals(due: list[Row], end: Head, key: bytes) -> Iterator[Row]:
    for row in due:
        seal = {
            "position": end.position + 1,
            **{f"{kind}_id": row["id"] if kind == row["kind"] else None for kind in chain.FIELDS},
            "subscriber_id": row["subscriber_id"],
            "digest": chain.digest(row["facts"], row["kind"]),
            "sealed_at": row["sealed_at"],
        }
        end = Head(end.position + 1, chain.chain_hash(seal, end.chain_hash, key))
        yield {**seal, "chain_hash": end.chain_hash}
