"""How the ledger and the audit become a chain of keyed hashes: what is digested, how it is linked.

`digest` is SHA-256 over a row's facts, an event's with its salt; `chain_hash` is HMAC-SHA256, under
a key that the database does not hold, over the seal and the chain hash before it.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, NamedTuple, Self

from leadmagnet.consent import canonical
from leadmagnet.database import Row

# Longer than a statement of ours may take: what is older has committed, or its transaction is slow.
SETTLING_TIME = timedelta(seconds=10)
# By how much the database's clock may run ahead and be set right again.
CLOCK_TOLERANCE = timedelta(minutes=1)

# What a digest covers. Never change these: a new column gets a new list from some position on.
FIELDS = {
    "event": (
        *("id", "subscriber_id", "address_digest", "type", "purpose", "consent_text_id"),
        *("text_hash", "policy_version", "policy_url", "locale", "gesture", "occurred_at"),
        *("recorded_at", "salt", "claim"),
    ),
    "erasure": ("id", "subscriber_id", "erased_at", "erased_by", "address_hash"),
    "audit": (
        *("id", "occurred_at", "actor", "action", "outcome", "subscriber_id", "detail"),
        *("request_id", "once_on"),
    ),
}


class Head(NamedTuple):
    """The end of the chain: published or kept elsewhere, it pins everything before it."""

    position: int
    chain_hash: bytes

    def __str__(self) -> str:
        return f"{self.position}:{self.chain_hash.hex()}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read what `str()` wrote, or with half of the hash what the log has. Raises ValueError."""
        found = re.fullmatch("([0-9]{1,18}):((?:[0-9a-f]{32}){1,2})", text.strip())
        if found is None:
            raise ValueError("not a position and a hash")
        return cls(int(found[1]), bytes.fromhex(found[2]))

    def fits(self, chain_hash: bytes) -> bool:
        return hmac.compare_digest(self.chain_hash, chain_hash[: len(self.chain_hash)])


GENESIS = Head(0, bytes(32))


def digest(facts: dict[str, Any], kind: str) -> bytes:
    """What the seal of this row must hold."""
    return hashlib.sha256(canonical.encode({name: facts[name] for name in FIELDS[kind]})).digest()


def sealed_row(seal: Row) -> tuple[str, int]:
    """The kind and the id of the row that the seal is of."""
    return next((kind, row) for kind in FIELDS if (row := seal[f"{kind}_id"]) is not None)


def chain_hash(seal: Row, previous: bytes, key: bytes) -> bytes:
    """What links the seal to the one before it."""
    content = {
        "position": seal["position"],
        **{kind: seal[f"{kind}_id"] for kind in FIELDS},
        "subscriber": seal["subscriber_id"] and str(seal["subscriber_id"]),
        "digest": seal["digest"].hex(),
        "sealed_at": seal["sealed_at"].isoformat(),
        "previous": previous.hex(),
    }
    return hmac.digest(key, b"ledger:" + canonical.encode(content), "sha256")


def made_with(seal: Row, previous: bytes, keys: Sequence[bytes]) -> int | None:
    """The place among the keys of the one that made the seal; None when none of them did."""
    for place, key in enumerate(keys):
        if hmac.compare_digest(chain_hash(seal, previous, key), seal["chain_hash"]):
            return place
    return None


def proof_hash(key: bytes) -> bytes:
    """What the database keeps of the key that may seal."""
    return hashlib.sha256(key_proof(key)).digest()


def key_proof(key: bytes) -> bytes:
    """Shows the database that the sealer holds the key, and tells nothing else about it."""
    return hmac.digest(key, b"ledger-sealer", "sha256")
