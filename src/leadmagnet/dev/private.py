"""Files of this folder that others on the machine must not read: they hold mails and tokens."""

from __future__ import annotations

import os


def opener(path: str, flags: int) -> int:
    """For `open`: the owner's alone, also when an earlier version left the file to everybody."""
    descriptor = os.open(path, flags, 0o600)
    os.fchmod(descriptor, 0o600)
    return descriptor
