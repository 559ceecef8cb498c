"""The roles and what each may do, in words that routes name and refusals repeat."""

from __future__ import annotations

VIEWER = frozenset({"me:read", "stats:read", "mails:read", "subscribers:read", "magnets:read"})
OWNER = VIEWER | {
    # Searching by address, and seeing it whole.
    "addresses:read",
    "subscribers:inspect",
    "subscribers:receipt",
    "subscribers:erase",
    "subscribers:unsubscribe",
    "subscribers:resend",
    "subscribers:export",
    "mails:retry",
    "mails:resume",
    # An endpoint's URL is often a secret itself.
    "webhooks:read",
    "webhooks:manage",
    "erasures:read",
    "magnets:manage",
    "audit:read",
}
# From the weakest to the strongest: who has several has the last of them.
ROLES = {"viewer": VIEWER, "owner": OWNER}

# What the audit names: permissions, and what is done by a command alone.
ACTIONS = OWNER | {
    *("keys:manage", "mails:pause", "mails:drop", "requests:retry"),
    *("erasures:reapply", "subscribers:replay", "subscribers:purge", "subscribers:import"),
}


def strongest(names: set[str]) -> str | None:
    """The last of the roles that is among the names."""
    return next((role for role in reversed(ROLES) if role in names), None)
