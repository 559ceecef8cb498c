"""Reads the keys and secrets among the settings."""

from __future__ import annotations

from base64 import urlsafe_b64decode

# What ProspectFlow signed with where it had no secret; it is in its public source.
LEGACY_FALLBACK = b"fallback-unsubscribe-secret"


def several(value: str) -> tuple[bytes, ...]:
    keys = tuple(key.strip().encode() for key in value.split(",") if key.strip())
    if not keys or any(len(key) < 32 for key in keys):
        raise ValueError("each key must have at least 32 characters")
    return keys


def legacy(value: str) -> tuple[bytes, ...]:
    keys = tuple(key.strip().encode() for key in value.split(",") if key.strip())
    if LEGACY_FALLBACK in keys:
        raise ValueError(
            "must not hold the constant that the former system fell back to: everybody knows it,"
            " and could unsubscribe anybody"
        )
    if any(len(key) < 8 for key in keys):
        raise ValueError("each key must have at least 8 characters")
    return keys


def one(value: str) -> bytes:
    if len(value) < 32:
        raise ValueError("must have at least 32 characters")
    return value.encode()


def signing(value: str) -> bytes:
    """A PEM, in one line or in several, as it is; or the 32 bytes of a seed in base64."""
    if value.startswith("-----BEGIN "):
        return value.replace("\\n", "\n").encode()
    text = value.replace("+", "-").replace("/", "_").rstrip("=")
    try:
        seed = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        seed = b""
    if len(seed) != 32:
        raise ValueError("must be a PEM private key, or 32 bytes in base64")
    return seed


def text(value: str) -> str:
    return one(value).decode()
