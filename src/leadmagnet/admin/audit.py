"""The audit of every act in the admin API, written in the transaction of the act."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from uuid import UUID

from leadmagnet.database import Database, Row, Transaction
from leadmagnet.services import Services

# Above every id, where the newest page begins.
NEWEST = 2**63 - 1


class Caller(NamedTuple):
    """Who calls: `key:<name>` or `oidc:<sub>`, by which role, in which request."""

    actor: str
    role: str | None
    request_id: str | None


# Who works at the command line.
OPERATOR = Caller("operator", None, None)


@dataclass
class Act:
    """What is being done: use cases take `services`, and add to `detail` what the audit says."""

    services: Services
    detail: dict[str, Any] = field(default_factory=dict)


@contextmanager
def acting(
    services: Services, caller: Caller, action: str, *, subscriber_id: UUID | None = None
) -> Iterator[Act]:
    """One transaction for an act and its row in the audit: neither is without the other."""
    with services.database.transaction() as transaction:
        act = Act(services.within(transaction))
        yield act
        record(transaction, caller, action, subscriber_id=subscriber_id, detail=act.detail)


def record(
    database: Database | Transaction,
    caller: Caller,
    action: str,
    *,
    outcome: str = "done",
    subscriber_id: UUID | None = None,
    detail: dict[str, Any] | None = None,
    once: bool = False,
) -> None:
    """Write one row; with `once`, the same again only on another day."""
    database.run(
        "audit_record",
        actor=caller.actor,
        action=action,
        outcome=outcome,
        subscriber_id=subscriber_id,
        detail=json.dumps(detail or {}),
        request_id=caller.request_id,
        once=once,
    )


def page(
    services: Services, *, limit: int, before: int | None = None, subscriber_id: UUID | None = None
) -> list[Row]:
    """Newest first; all, or what was done to one person."""
    return services.database.all(
        "audit_page",
        before=NEWEST if before is None else before,
        subscriber_id=subscriber_id,
        limit=limit,
    )
