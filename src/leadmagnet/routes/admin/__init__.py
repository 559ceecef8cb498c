"""The admin API: what the studio's owner sees and does."""

from leadmagnet.routes.admin import account, contacts, exports, mails, stats, webhooks
from leadmagnet.routes.admin.blueprint import blp

__all__ = ["account", "blp", "contacts", "exports", "mails", "stats", "webhooks"]
