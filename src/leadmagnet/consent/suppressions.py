"""Addresses never to be written to again, kept as keyed hashes that only we can look up."""

from __future__ import annotations

from leadmagnet import addresses, hashes
from leadmagnet.services import Services


def suppression_hash(email: str, key: bytes) -> bytes:
    """The keyed hash (HMAC-SHA256) of the mailbox behind a normalised address: who objects is not
    written to at a +tag either."""
    return hashes.hmac_sha256(key, "suppression", addresses.folded(email))


def suppression_hashes(email: str, keys: tuple[bytes, ...]) -> list[bytes]:
    """Under each of the keys: whatever a suppression was written with, it is found."""
    return [suppression_hash(email, key) for key in keys]


def add(services: Services, address_hash: bytes) -> None:
    """Suppress the address; any number of times."""
    services.database.run("suppression_add", address_hash=address_hash)
