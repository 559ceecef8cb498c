"""Deletes what is past its time, in batches: each is a short transaction of its own."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, NamedTuple
from uuid import UUID

from leadmagnet.config import Config
from leadmagnet.services import Services

log = logging.getLogger(__name__)

# A batch holds its locks for a tenth of a second, and stays far from the statement's time limit.
BATCH = 100
NOBODY = UUID(int=0)


class Rule(NamedTuple):
    name: str
    query: str
    age: timedelta
    start: object
    parameters: dict[str, Any]


class Batch(NamedTuple):
    """What a rule found past its time in one batch; erased, but for a dry run."""

    rule: str
    found: int


def rules(config: Config) -> tuple[Rule, ...]:
    """The rules and their numbers, in the order of their application."""
    token_life = {"token_life": config.token_hours}
    return (
        Rule("unconfirmed", "retention_unconfirmed", config.unconfirmed_days, NOBODY, token_life),
        Rule("subscribers", "retention_subscribers", config.subscriber_days, NOBODY, {}),
        Rule("context", "retention_context", config.context_days, 0, {}),
    )


def purge(services: Services, *, dry_run: bool = False) -> Iterator[Batch]:
    """Apply each rule, a batch at a time: whoever iterates decides when the next one runs."""
    for rule in rules(services.config):
        after, full = rule.start, True
        while full:
            row = services.database.one(
                rule.query,
                age=rule.age,
                after=after,
                batch=BATCH,
                dry_run=dry_run,
                **rule.parameters,
            )
            if row is None or not row["found"]:
                break
            if row["erased"]:
                log.info("purged", extra={"rule": rule.name, "erased": row["erased"]})
            yield Batch(rule.name, row["found"])
            after, full = row["last"], row["found"] == BATCH
