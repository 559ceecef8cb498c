"""Deletes what is past its time, in batches: each is a short transaction of its own."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any, NamedTuple
from uuid import UUID

from leadmagnet.config import Config
from leadmagnet.database import Transaction
from leadmagnet.services import Services

log = logging.getLogger(__name__)

# A batch holds its locks for a tenth of a second, and stays far from the statement's time limit.
BATCH = 100
# And reads so many rows: a hundredth of that limit.
LOOK_AT = 2000
# Ten times as long as an event is tried: what a disabled endpoint never took goes as well.
WEBHOOK_EVENTS = timedelta(days=30)
FIRST_ID = UUID(int=0)


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


Note = Callable[[Transaction, Batch], None]


def rules(config: Config) -> tuple[Rule, ...]:
    """The rules and their numbers, in the order of their application."""
    life = {"token_life": config.token_hours}

    def those(age: timedelta, name: str, *statuses: str) -> Rule:
        parameters = {"statuses": list(statuses)}
        return Rule(f"{name}_subscribers", "retention_subscribers", age, FIRST_ID, parameters)

    return (
        Rule(
            "unconfirmed_subscribers",
            "retention_unconfirmed",
            config.unconfirmed_days,
            FIRST_ID,
            life,
        ),
        those(config.subscriber_days, "confirmed_and_pending", "confirmed", "pending"),
        those(config.unsubscribed_days, "unsubscribed", "unsubscribed", "complained"),
        those(config.bounced_days, "bounced", "bounced"),
        Rule("ip_addresses", "retention_context", config.context_days, 0, {}),
        Rule("unsettled_requests", "retention_requests", config.unsettled_days, 0, {}),
        Rule("expired_links", "retention_tokens", config.expired_token_days, 0, {}),
        Rule("webhook_events", "retention_webhook_events", WEBHOOK_EVENTS, FIRST_ID, {}),
        # They serve a second click on a link that works for some minutes.
        Rule("used_erasure_links", "retention_erasure_links", timedelta(days=1), b"", {}),
    )


def kept_days(config: Config) -> dict[str, int]:
    """How long a person in each state is kept, and what goes earlier, by its name."""
    ages = {
        "pending": config.unconfirmed_days,
        "confirmed": config.subscriber_days,
        "unsubscribed": config.unsubscribed_days,
        "complained": config.unsubscribed_days,
        "bounced": config.bounced_days,
        "context": config.context_days,
        "requests": config.unsettled_days,
        "links": config.expired_token_days,
        "webhookEvents": WEBHOOK_EVENTS,
    }
    return {name: age.days for name, age in ages.items()}


def purge(
    services: Services, *, dry_run: bool = False, note: Note = lambda transaction, batch: None
) -> Iterator[Batch]:
    """Apply each rule, a batch at a time: the caller decides when the next one runs. A batch
    in which nothing was found is yielded, too, while there is more to look at.

    `note` writes down what a batch has erased, in its transaction.
    """
    for rule in rules(services.config):
        after, more = rule.start, True
        while more:
            with services.database.transaction() as transaction:
                row = transaction.one(
                    rule.query,
                    age=rule.age,
                    after=after,
                    look_at=LOOK_AT,
                    batch=BATCH,
                    dry_run=dry_run,
                    **rule.parameters,
                )
                if row and row["erased"]:
                    note(transaction, Batch(rule.name, row["erased"]))
            if row is None:
                break
            full = row["found"] == BATCH
            after = row["last_found"] if full else row["last_looked"]
            more = full or row["looked"] == LOOK_AT
            if row["erased"]:
                log.info("purged", extra={"rule": rule.name, "erased": row["erased"]})
            if row["found"] or more:
                yield Batch(rule.name, row["found"])
