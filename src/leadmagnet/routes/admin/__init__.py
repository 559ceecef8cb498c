"""The admin API: what the studio's owner sees and does."""

from leadmagnet.routes.admin import (
    audit,
    erasures,
    exports,
    magnets,
    mails,
    people,
    stats,
    texts,
    webhooks,
)
from leadmagnet.routes.admin.blueprint import blp

__all__ = [
    "audit",
    "blp",
    "erasures",
    "exports",
    "magnets",
    "mails",
    "people",
    "stats",
    "texts",
    "webhooks",
]
