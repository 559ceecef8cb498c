"""Keyed hashes: what is stored of an address or a network tells nothing without the key."""

from __future__ import annotations

import hmac


def hmac_sha256(key: bytes, scope: str, value: str) -> bytes:
    """HMAC-SHA256 (RFC 2104) of `scope:value`, 32 bytes."""
    return hmac.digest(key, f"{scope}:{value}".encode(), "sha256")
