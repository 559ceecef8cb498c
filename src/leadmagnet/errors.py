"""What can go wrong, as words: one small tree, without a web framework.

LeadMagnetError
├── Refused              422, with what is wrong where
├── MagnetUnknown        404
├── TextUnknown          404
├── TokenUnknown         404
│   └── TokenMalformed
├── TokenExpired         410
├── TokenUsedUp          429
├── SnsMalformed            400, a message that is not shaped as Amazon SNS shapes them
├── SnsUntrusted            403, a message that is not proven to be AWS's and for us
├── NotAuthenticated     401, no key or token, or one that does not work
├── RoleMissing          403, with the permission that is missing
├── SubscriberUnknown    404
├── ActRefused           409, the state of what it is about does not allow it
├── ChangedMeanwhile     412, somebody else has changed it since the caller saw it
├── VersionMissing       428, the caller does not say which version they have seen
├── LimitReached         429, with when to come back
│   ├── TooManyFailedKeys
│   ├── TooManySignups
│   ├── TooManyRenewals
│   ├── TooManyGuesses
│   └── TooManyPrivacyRequests
└── Unavailable          503, try again: nothing was lost or half-written
    ├── NotMigrated      503, the database lacks what this version needs
    ├── GrantsMissing    503, the application's role lacks a right
    ├── DatabaseReadOnly 503, a standby, or set so
    ├── IssuerUnavailable 503, whether a token is good cannot be found out now
    ├── StorageUnavailable 503, S3 does not answer or refuses
    ├── ExportFileUnavailable 503, an export cannot be written: no room, or no folder for it
    └── FileUnavailable  503, the address was confirmed, but the file is unavailable now

`code` is part of the contract; `web/messages.py` has the text of each code in both languages.
"""

from __future__ import annotations

import math
from datetime import timedelta
from typing import ClassVar


class LeadMagnetError(Exception):
    """Root of all expected failures: an HTTP status (a number) and a stable code (a word). Where a
    command meets one, too, its message is the sentence that the command prints."""

    status: ClassVar[int] = 500
    code: str = "internal_error"


class Refused(LeadMagnetError):
    """The request was understood and refused; `errors` maps a JSON pointer to a code."""

    status = 422

    def __init__(self, errors: dict[str, str], message: str = "") -> None:
        super().__init__(message or ", ".join(errors.values()))
        self.errors = errors
        self.code = next(iter(errors.values()))


class MagnetUnknown(LeadMagnetError):
    status, code = 404, "magnet_unknown"


class TextUnknown(LeadMagnetError):
    status, code = 404, "text_unknown"


class TokenUnknown(LeadMagnetError):
    status, code = 404, "token_unknown"


class TokenMalformed(TokenUnknown):
    """Not of the form that we issue, so it is not counted as an unknown token either."""


class TokenExpired(LeadMagnetError):
    status, code = 410, "token_expired"


class TokenUsedUp(LeadMagnetError):
    status, code = 429, "token_used_up"


class SnsMalformed(LeadMagnetError):
    status, code = 400, "message_malformed"


class SnsUntrusted(LeadMagnetError):
    status, code = 403, "message_untrusted"


class NotAuthenticated(LeadMagnetError):
    """Nobody we know calls; `given` where some key or token came along."""

    status, code = 401, "unauthorized"

    def __init__(self, *, given: bool) -> None:
        super().__init__()
        self.given = given
        if given:
            self.code = "credentials_refused"


class RoleMissing(LeadMagnetError):
    """The caller's role does not include what is `required`."""

    status, code = 403, "role_missing"

    def __init__(self, required: str) -> None:
        super().__init__(required)
        self.required = required


class SubscriberUnknown(LeadMagnetError):
    status, code = 404, "subscriber_unknown"


class ActRefused(LeadMagnetError):
    status = 409

    def __init__(self, code: str, message: str = "") -> None:
        super().__init__(message or code)
        self.code = code


class ChangedMeanwhile(LeadMagnetError):
    status, code = 412, "changed_meanwhile"


class VersionMissing(LeadMagnetError):
    status, code = 428, "version_missing"


class LimitReached(LeadMagnetError):
    """Too much from one network: `seconds` until its window ends and it may try again."""

    status = 429
    name: ClassVar[str]

    def __init__(self, *, limit: int, window: timedelta, seconds: float) -> None:
        super().__init__(self.name)
        self.limit = limit
        self.window = int(window.total_seconds())
        self.seconds = max(1, math.ceil(seconds))


class TooManySignups(LimitReached):
    name, code = "signup", "signup_limit"


class TooManyRenewals(LimitReached):
    name, code = "renewal", "renewal_limit"


class TooManyGuesses(LimitReached):
    name, code = "guess", "guess_limit"


class TooManyPrivacyRequests(LimitReached):
    name, code = "privacy", "privacy_limit"


class TooManyFailedKeys(LimitReached):
    name, code = "key", "key_limit"


class Unavailable(LeadMagnetError):
    """The database is away, full or locked, or a deadline passed."""

    status, code = 503, "service_unavailable"


class NotMigrated(Unavailable):
    code = "not_migrated"


class GrantsMissing(Unavailable):
    code = "grants_missing"


class DatabaseReadOnly(Unavailable):
    code = "database_read_only"


class StorageUnavailable(Unavailable):
    code = "storage_unavailable"


class FileUnavailable(Unavailable):
    code = "file_unavailable"


class ExportFileUnavailable(Unavailable):
    code = "export_file_unavailable"


class IssuerUnavailable(Unavailable):
    code = "issuer_unavailable"
