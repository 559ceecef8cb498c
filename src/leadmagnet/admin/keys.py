"""Keys of the admin API: made for a role and a time, shown once, stored as keyed hashes."""

from __future__ import annotations

import hmac
import string
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from leadmagnet import hashes
from leadmagnet.admin import audit
from leadmagnet.admin.audit import OPERATOR
from leadmagnet.consent import seals
from leadmagnet.database import Database, Row, Transaction
from leadmagnet.services import Services

ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
PREFIX = "lm_"
SECRET_CHARACTERS = 43
CHECKSUM_CHARACTERS = 6


class KeyRefused(Exception):
    """A key cannot be made or revoked; the message says why."""


@contextmanager
def _acting(database: Database, act: str, **detail: str) -> Iterator[Transaction]:
    """One transaction for a change and its row in the audit."""
    with database.transaction() as transaction:
        yield transaction
        audit.record(transaction, OPERATOR, "keys:manage", detail={"act": act, **detail})


def make(random_bytes: Callable[[int], bytes]) -> str:
    """A new key: 256 random bits and a checksum, in letters and digits alone.

    The prefix lets scanners of repositories find it; the checksum tells a typing error from a
    wrong key without asking the database.
    """
    secret = _base62(int.from_bytes(random_bytes(32)), SECRET_CHARACTERS)
    return f"{PREFIX}{secret}{_checksum(secret)}"


def well_formed(key: str) -> bool:
    secret, checksum = key[len(PREFIX) : -CHECKSUM_CHARACTERS], key[-CHECKSUM_CHARACTERS:]
    return (
        key.isascii()
        and key.startswith(PREFIX)
        and len(secret) == SECRET_CHARACTERS
        and hmac.compare_digest(_checksum(secret), checksum)
    )


def find(services: Services, key: str) -> Row | None:
    """Name and role of a key that works now; None for any other text."""
    if not well_formed(key):
        return None
    key_hashes = [_hash(key, hash_key) for hash_key in services.config.hash_keys]
    return services.database.one("key_use", key_hashes=key_hashes)


def add(
    database: Database,
    *,
    name: str,
    key: str,
    role: str,
    life: timedelta,
    hash_key: bytes,
    show: Callable[[], None] = lambda: None,
) -> datetime:
    """Store a key by the owner's connection; when it expires. Raises KeyRefused, and whatever
    `show` raises: no key is left that nobody has seen."""
    key_hash = _hash(key, hash_key)
    with _acting(database, "add", key=name, role=role) as transaction:
        row = transaction.one("key_add", key_name=name, key_hash=key_hash, role=role, life=life)
        if row is None:
            raise KeyRefused(f"there is a key {name} already: give another name")
        show()
    expires_at: datetime = row["expires_at"]
    return expires_at


def listed(database: Database) -> list[Row]:
    """Every key there ever was, oldest first."""
    return database.all("keys_list")


def revoke(database: Database, name: str) -> None:
    """End a key at once. Raises KeyRefused."""
    with _acting(database, "revoke", key=name) as transaction:
        if transaction.one("key_revoke", key_name=name) is None:
            raise KeyRefused(
                f"there is no key {name} that works: `leadmagnet keys list` names them"
            )


def rotate_hash(database: Database, key: bytes, former: tuple[bytes, ...]) -> bool:
    """Let the key seal from now on; false when it does already. Raises SealingRefused."""
    rotated = seals.rotate_key(database, key, former)
    if rotated:
        audit.record(database, OPERATOR, "keys:manage", detail={"act": "rotate_hash"})
    return rotated


def _hash(key: str, hash_key: bytes) -> bytes:
    return hashes.hmac_sha256(hash_key, "admin_key", key)


def _checksum(secret: str) -> str:
    return _base62(zlib.crc32(secret.encode()), CHECKSUM_CHARACTERS)


def _base62(number: int, characters: int) -> str:
    digits = []
    for _ in range(characters):
        number, digit = divmod(number, len(ALPHABET))
        digits.append(ALPHABET[digit])
    return "".join(reversed(digits))
