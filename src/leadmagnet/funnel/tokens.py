"""Links: random tokens whose SHA-256 is stored, and signed tokens that unsubscribe."""

from __future__ import annotations

import hashlib
import hmac
import re
from base64 import urlsafe_b64encode
from collections.abc import Callable, Sequence
from typing import NamedTuple
from uuid import UUID

from leadmagnet import addresses
from leadmagnet.database import Row
from leadmagnet.errors import TokenMalformed, TokenUnknown
from leadmagnet.services import Services

# 32 bytes in base64url.
FORM = re.compile(r"[A-Za-z0-9_-]{43}")
SIGNED_FORM = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\.[A-Za-z0-9_-]{43}")


class Token(NamedTuple):
    text: str
    hash: bytes


def new_token(random_bytes: Callable[[int], bytes]) -> Token:
    """32 random bytes as base64url: 43 characters, and the hash that is stored of them."""
    text = _base64url(random_bytes(32))
    return Token(text, token_hash(text))


def token_hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def well_formed(token: str) -> bool:
    """Whether we may have issued it: what has another form is not, without a look-up."""
    return FORM.fullmatch(token) is not None


def hash_of(token: str) -> bytes:
    """The hash of a link's token. Raises TokenMalformed."""
    if not well_formed(token):
        raise TokenMalformed
    return token_hash(token)


def describe(services: Services, token: str) -> Row:
    """What a click on the page behind the link would do. Raises TokenUnknown."""
    row = services.database.one(
        "token_describe", token_hash=hash_of(token), not_me=services.config.not_me_days
    )
    if row is None:
        raise TokenUnknown
    return {
        "status": row["status"],
        "email": addresses.masked(row["email"]),
        "magnet": {"slug": row["slug"], "title": row["title"], "file_name": row["file_name"]},
        "purposes": row["purposes"],
        "locale": row["locale"],
        "expires_at": row["expires_at"],
    }


def release(services: Services, token_id: int, file_id: UUID | None) -> None:
    """Take back a counted use, because the file could not be handed out."""
    services.database.run("token_release", token_id=token_id, file_id=file_id)


def sign(subscriber_id: UUID, keys: Sequence[bytes]) -> str:
    """A link that unsubscribes, for good and without a table: `<uuid>.<HMAC-SHA256>`.

    The first key signs; the others are former keys, whose links keep working.
    """
    return f"{subscriber_id}.{_signature(subscriber_id, keys[0])}"


def signed_subscriber(
    token: str, keys: Sequence[bytes], *, legacy_keys: Sequence[bytes] = ()
) -> UUID:
    """The subscriber of an unsubscribe link; with `legacy_keys` also of one that the system before
    this signed. Raises TokenUnknown; TokenMalformed (one of these)."""
    if not SIGNED_FORM.fullmatch(token):
        raise TokenMalformed
    subscriber_id = UUID(token.partition(".")[0])
    issued = [sign(subscriber_id, [key]) for key in keys]
    # It signed the text of the id.
    name = str(subscriber_id)
    issued += [
        f"{name}.{_base64url(hmac.digest(key, name.encode(), 'sha256'))}" for key in legacy_keys
    ]
    if not any(hmac.compare_digest(token, known) for known in issued):
        raise TokenUnknown
    return subscriber_id


def _signature(subscriber_id: UUID, key: bytes) -> str:
    return _base64url(hmac.digest(key, b"unsubscribe:" + subscriber_id.bytes, "sha256"))


def _base64url(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()
