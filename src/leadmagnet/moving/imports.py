"""Imports the former system's people, links and proofs: in one transaction, repeatable, silent."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO, Any

from psycopg import sql

from leadmagnet.addresses import AddressRefused, normalise
from leadmagnet.config import Config
from leadmagnet.consent.suppressions import suppression_hashes
from leadmagnet.database import Row
from leadmagnet.funnel.limits import address_key
from leadmagnet.moving.steps import Conn, MovingError, one, require_aside, run, steps, transaction

BATCH = 5000
Say = Callable[[str], None]

STAGES = (
    ("consent texts", ("wordings", "texts", "people_texts")),
    ("people", ("subscribers", "former_ids", "suppressions")),
    ("links", ("tokens", "outbox", "links")),
    ("events", ("claims", "events", "context")),
)


@dataclass(frozen=True)
class Choices:
    """What the operator decides about an import."""

    magnet: str
    locale: str = "fr"
    newsletter: bool = False
    policy_url: str | None = None
    dry_run: bool = False


@dataclass(frozen=True)
class Result:
    """How many people had which outcome and problem; and the links that were not taken over."""

    outcomes: list[Row]
    links_left: Row


def import_all(
    url: str, config: Config, choices: Choices, *, report: IO[str] | None, say: Say
) -> Result:
    """Import what was set aside. A dry run does all of it and takes it back. Raises MovingError."""
    with transaction(url) as conn:
        require_aside(conn)
        if not one(conn, "prospectflow_lock")["held"]:
            raise MovingError("another import is running: wait for its end")
        given = _given(conn, config, choices)
        run(conn, "prospectflow_stage")
        _normalise_all(conn, config, say)
        run(conn, "prospectflow_people")
        for stage, names in STAGES:
            say(f"importing {stage}")
            for name in names:
                run(conn, f"prospectflow_{name}", **given)
        run(conn, "prospectflow_audit_run")
        outcomes = run(conn, "prospectflow_outcomes").fetchall()
        links_left = one(conn, "prospectflow_links_left")
        if report:
            _write_report(conn, report)
        if choices.dry_run:
            conn.rollback()
    return Result(outcomes, links_left)


def _given(conn: Conn, config: Config, choices: Choices) -> dict[str, Any]:
    magnet = run(conn, "prospectflow_magnet", magnet=choices.magnet).fetchone()
    if magnet is None:
        raise MovingError(f"there is no magnet {choices.magnet!r}: `leadmagnet magnets list`")
    policy_url = choices.policy_url or magnet["policy_url"]
    if policy_url is None:
        raise MovingError(
            f"the magnet {choices.magnet!r} has no consent text yet: add one, or say with"
            " --policy-url where the former privacy policy is"
        )
    return {
        "magnet_id": magnet["id"],
        "policy_url": policy_url,
        "locale": choices.locale,
        "newsletter": choices.newsletter,
        "max_uses": config.token_uses,
    }


def _normalise_all(conn: Conn, config: Config, say: Say) -> None:
    """Fill the table of addresses, a batch at a time: neither side ever holds the whole list."""
    copy = steps()["prospectflow_addresses_copy"].text
    looked = 0
    with conn.cursor("prospectflow_addresses") as people, conn.cursor() as cursor:
        people.execute(steps()["prospectflow_addresses"].text)
        while batch := people.fetchmany(BATCH):
            with cursor.copy(sql.SQL(copy)) as rows:
                for person in batch:
                    rows.write_row((person["id"], *_address(person["email"], config)))
            looked += len(batch)
            say(f"{looked} addresses read")


def _address(given: str | None, config: Config) -> tuple[Any, ...]:
    if not given:
        return (None, None, None, "address_missing")
    try:
        email = normalise(given)
    except AddressRefused as refused:
        return (None, None, None, refused.code)
    hashed = suppression_hashes(email, config.hash_keys)
    return (email, address_key(config, email), hashed, None)


def _write_report(conn: Conn, report: IO[str]) -> None:
    with conn.cursor("prospectflow_report") as people:
        people.execute(steps()["prospectflow_report"].text)
        for person in people:
            report.write(
                json.dumps({name: str(value) for name, value in person.items() if value}) + "\n"
            )
