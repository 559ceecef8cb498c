"""A worker that kills itself at one of its steps. Everything else of it is the product's own.

    python -m tests.faults.mortal_worker "after send" 3

dies by SIGKILL the third time that SES has answered and nothing was done with the answer yet. The
steps are `before` and `after` each query by its name, `send`, and the `settlement` of a batch,
whose end is its commit.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from leadmagnet.adapters.ses import Mail, Mailer
from leadmagnet.config import Config
from leadmagnet.database import Database, Row, Transaction
from leadmagnet.services import Services
from leadmagnet.telemetry import logs
from leadmagnet.worker import Worker

# What a worker does with one mail that SES takes, in this order.
STEPS = tuple(
    f"{when} {what}"
    for what in ("outbox_claim", "send", "outbox_sent")
    for when in ("before", "after")
)
# And what it does before that with the requests that wait, all in one transaction.
SETTLING_STEPS = (
    "after settlement_claim",
    "before settlement_sign_up",
    "after settlement_sign_up",
    "before settlement_finish",
    "after settlement_finish",
    "after settlement",
)
# And with one event for a consumer of webhooks, who takes it or does not.
EVENT_STEPS = ("before event_delivered", "after event_claim", "after event_delivered")
FAILED_EVENT_STEPS = ("before event_failed", "after event_claim", "after event_failed")


class Fate:
    def __init__(self, step: str, times: int) -> None:
        self._step = step
        self._times = times

    def __call__(self, step: str) -> None:
        if step == self._step:
            self._times -= 1
            if self._times == 0:
                os.kill(os.getpid(), signal.SIGKILL)


class MortalDatabase(Database):
    def __init__(self, url: str, fate: Fate) -> None:
        super().__init__(url, size=2)
        self._fate = fate

    def all(self, name: str, **parameters: Any) -> list[Row]:
        self._fate(f"before {name}")
        rows = super().all(name, **parameters)
        # A claim that found nothing is no step on the way of a mail or an event.
        if rows or name not in ("outbox_claim", "event_claim"):
            self._fate(f"after {name}")
        return rows

    @contextmanager
    def transaction(self, *, snapshot: bool = False) -> Iterator[Transaction]:
        with super().transaction(snapshot=snapshot) as transaction:
            mortal = MortalTransaction(transaction, self._fate)
            yield mortal
        if mortal.settled:
            self._fate("after settlement")


class MortalTransaction(Transaction):
    def __init__(self, transaction: Transaction, fate: Fate) -> None:
        super().__init__(transaction._conn, transaction._deadlines)
        self._fate = fate
        self.settled = False

    def all(self, name: str, **parameters: Any) -> list[Row]:
        self._fate(f"before {name}")
        rows = super().all(name, **parameters)
        if rows or name != "settlement_claim":
            self._fate(f"after {name}")
        self.settled |= name == "settlement_finish"
        return rows


class MortalMailer(Mailer):
    def __init__(self, fate: Fate) -> None:
        super().__init__()
        self._fate = fate

    def send(self, mail: Mail) -> str:
        self._fate("before send")
        message_id = super().send(mail)
        self._fate("after send")
        return message_id


def main(step: str, times: int) -> None:
    config = Config.load()
    logs.configure(config.log_level)
    fate = Fate(step, times)
    database = MortalDatabase(config.database_url, fate)
    services = replace(Services.from_config(config, connections=1), database=database)
    worker = Worker(services, MortalMailer(fate))
    signal.signal(signal.SIGTERM, lambda *_: worker.stop())
    database.open()
    worker.run()
    database.close()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
