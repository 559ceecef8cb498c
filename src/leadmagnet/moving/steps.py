"""The owner's connection for a move, and the named steps of sql/moving."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import psycopg
from psycopg.rows import dict_row

from leadmagnet.database import Row
from leadmagnet.database.queries import Query, named, sql_directory

Conn = psycopg.Connection[Row]
# A wait for a table's lock blocks all later requests for it.
LOCK_SECONDS = 5
SUBSCRIBERS, EVENTS, TOKENS = "lm_subscribers", "lm_consent_events", "lm_download_tokens"
# What we read of each table; further columns are left alone.
COLUMNS = {
    SUBSCRIBERS: {
        *("id", "email", "status", "source", "created_at", "confirmed_at", "unsubscribed_at"),
    },
    EVENTS: {
        *("id", "subscriber_id", "event_type", "consent_text", "privacy_policy_version"),
        *("ip", "user_agent", "occurred_at"),
    },
    TOKENS: {
        *("id", "subscriber_id", "token_hash", "purpose", "expires_at", "max_uses", "use_count"),
        "created_at",
    },
}
# A column of each that the table of ours under that name does not have.
TELLTALE = {SUBSCRIBERS: "unsubscribed_at", EVENTS: "event_type", TOKENS: "purpose"}


class MovingError(Exception):
    """The move cannot go on; the message says why, and what to do."""


@cache
def steps() -> dict[str, Query]:
    return dict(named(sql_directory() / "moving" / "prospectflow.sql"))


def aside(name: str) -> str:
    """The table's name once it is out of the way."""
    return name.replace("lm_", "lm_old_", 1)


@contextmanager
def transaction(url: str) -> Iterator[Conn]:
    """One transaction on a connection of its own: whatever goes wrong in it changes nothing."""
    with psycopg.connect(
        url,
        row_factory=dict_row,
        cursor_factory=psycopg.RawCursor,
        connect_timeout=5,
        application_name="leadmagnet",
        options=f"-c timezone=UTC -c lock_timeout={LOCK_SECONDS}s",
    ) as conn:
        yield conn


def run(conn: Conn, name: str, **given: Any) -> psycopg.Cursor[Row]:
    query = steps()[name]
    return conn.execute(query.text, [given[parameter] for parameter in query.parameters])


def one(conn: Conn, name: str, **given: Any) -> Row:
    row = run(conn, name, **given).fetchone()
    if row is None:
        raise MovingError(f"{name} found nothing")
    return row


def tables(conn: Conn) -> dict[str, set[str]]:
    """The columns of whichever of the tables are there, ours and the former system's."""
    return {row["name"]: set(row["columns"]) for row in run(conn, "prospectflow_tables")}


def require_aside(conn: Conn) -> None:
    """Raise MovingError unless the old tables are aside, whole, and ours are there."""
    there = tables(conn)
    if missing := [aside(name) for name in COLUMNS if aside(name) not in there]:
        raise MovingError(
            f"not there: {', '.join(missing)}; first `leadmagnet import prospectflow aside`"
        )
    for name, columns in COLUMNS.items():
        if lacking := sorted(columns - there[aside(name)]):
            raise MovingError(f"{aside(name)} has no column {', '.join(lacking)}")
    if any(name not in there or TELLTALE[name] in there[name] for name in COLUMNS):
        raise MovingError("our own tables are not there yet: `leadmagnet migrate`")
