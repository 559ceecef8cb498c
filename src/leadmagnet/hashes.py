"""Keyed hashes: what is stored of an address or a network tells nothing without the key."""

from __future__ import annotations

import hmac
from functools import lru_cache


def hmac_sha256(key: bytes, scope: str, value: str) -> bytes:
    """HMAC-SHA256 (RFC 2104) of `scope:value`, 32 bytes."""
    hashing = _begun(key).copy()
    hashing.update(f"{scope}:{value}".encode())
    return hashing.digest()


@lru_cache(maxsize=8)
def _begun(key: bytes) -> hmac.HMAC:
    # hmac.digest() would read the key each time, and hand the interpreter to another thread.
    return hmac.new(key, digestmod="sha256")
