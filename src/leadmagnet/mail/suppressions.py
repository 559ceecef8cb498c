"""Addresses never to be written to again, kept as keyed hashes that only we can look up."""

from __future__ import annotations

from leadmagnet import hashes
from leadmagnet.database import Database


def hashed(email: str, key: bytes) -> bytes:
    """The keyed hash (HMAC-SHA256) of a normalised address."""
    return hashes.keyed(key, "suppression", email)


def add(database: Database, address_hash: bytes) -> None:
    """Suppress the address; any number of times."""
    database.one("suppression_add", address_hash=address_hash)
