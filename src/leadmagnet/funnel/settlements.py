"""The worker's part of a request: what it does, decided by what is held about its address."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

import psycopg

from leadmagnet.config import Config
from leadmagnet.consent import suppressions
from leadmagnet.database import Row, Transaction
from leadmagnet.funnel import limits
from leadmagnet.services import Services

log = logging.getLogger(__name__)

# One commit for so many: few enough that no other waits for long on the locks they share.
BATCH = 50
FIRST_DELAY = timedelta(seconds=5)
# The last one comes some two minutes after the first.
MOST_ATTEMPTS = 6
# SQLSTATEs that are no request's doing: the connection, the server going down, read-only, a schema
# that does not fit, a plan from before a migration.
OF_THE_SERVER = ("08", "57P", "25006", "42", "0A000")


class _Busy(Exception):
    """Another worker settles for the same mailboxes, and takes its time."""


class _NotSettled(Exception):
    """The database refused what one request does; its transaction is rolled back."""

    def __init__(self, request_id: int, error: psycopg.Error) -> None:
        super().__init__(request_id)
        self.request_id = request_id
        self.reason = type(error).__name__
        # A lock, a full disk, a deadlock: nothing that this request would meet for ever.
        self.passes = isinstance(error, psycopg.OperationalError)


def settle(services: Services, *, batch: int = BATCH) -> int:
    """Settle the requests that have waited longest, and delete them. 0 when none waits.

    All or none: a worker that dies on the way has changed nothing. A request that cannot be
    settled is put off, and the others of its batch come with the next call. Raises Unavailable.
    """
    try:
        with services.database.transaction() as transaction:
            requests = transaction.all("settlement_claim", batch=batch)
            if not requests:
                return 0
            settled = _settle_all(transaction, requests, services.config)
    except _Busy:
        return 1
    except _NotSettled as failure:
        _postpone(services, failure)
        return 1
    for kind, row in settled:
        if row and row["subscriber_id"]:
            extra = {"kind": kind, "subscriber_id": str(row["subscriber_id"])}
            log.info("request_settled", extra=extra)
    return len(settled)


def _settle_all(
    transaction: Transaction, requests: list[Row], config: Config
) -> list[tuple[str, Row | None]]:
    prepared = [(request, _parameters(request, config)) for request in requests]
    # First the mailboxes, in one order: two workers wait for each other and never in a circle.
    mailboxes = {given["address_key"] for _, given in prepared if "address_key" in given}
    locks = sorted(int.from_bytes(key[:8], signed=True) for key in mailboxes)
    try:
        transaction.one("settlement_lock", mailboxes=locks)
    except psycopg.errors.LockNotAvailable:
        raise _Busy from None
    settled = [
        (request["kind"], _settle_one(transaction, request, parameters))
        for request, parameters in prepared
    ]
    outcomes = [(kind, _outcome(row)) for kind, row in settled]
    transaction.one(
        "settlement_finish",
        ids=[request["id"] for request in requests],
        kinds=[kind for kind, _ in outcomes],
        outcomes=[outcome for _, outcome in outcomes],
        mails=any(outcome == "queued" for _, outcome in outcomes),
    )
    return settled


def _outcome(row: Row | None) -> str:
    """A signup's is worked out by its statement; the others queue a mail or do not."""
    if row and "outcome" in row:
        return str(row["outcome"])
    return "queued" if row and row["subscriber_id"] else "not_queued"


def _parameters(request: Row, config: Config) -> dict[str, Any]:
    """What its statement needs that only the holder of the key can say."""
    common = {"id": request["id"], **limits.of_mailbox(config)}
    email = request["email"]
    if request["kind"] == "signup":
        return {
            **common,
            "address_key": limits.address_key(config, email),
            "suppression_hashes": suppressions.suppression_hashes(email, config.hash_keys),
            "cool_down": config.cool_down_seconds,
            "not_me": config.not_me_days,
        }
    if request["kind"] == "privacy":
        # Counted apart from the mails that signups cause, so that these do not stand between a
        # person and their rights.
        key = limits.address_key(config, email, scope="privacy_address")
        return {**common, "address_key": key, "cool_down": config.privacy_link_minutes}
    return {**common, "cool_down": config.cool_down_seconds}


def _settle_one(transaction: Transaction, request: Row, parameters: dict[str, Any]) -> Row | None:
    try:
        if request["kind"] == "signup":
            return transaction.one("settlement_sign_up", **parameters)
        if request["kind"] == "renewal":
            return transaction.one("settlement_renewal", **parameters)
        return transaction.one("settlement_privacy", **parameters)
    except psycopg.Error as error:
        if error.sqlstate is None or error.sqlstate.startswith(OF_THE_SERVER):
            raise
        raise _NotSettled(request["id"], error) from error


def _postpone(services: Services, failure: _NotSettled) -> None:
    row = services.database.one(
        "settlement_postpone",
        id=failure.request_id,
        reason=failure.reason,
        delay=FIRST_DELAY,
        most_attempts=None if failure.passes else MOST_ATTEMPTS,
    )
    extra = {"request_id": failure.request_id, "reason": failure.reason}
    if row and row["failed"]:
        log.error("request_failed", extra=extra)
    else:
        log.warning("request_postponed", extra=extra)
