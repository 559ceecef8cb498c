"""A connection whose session is as the product needs it, or none."""

from __future__ import annotations

import select
from collections.abc import Callable
from typing import Any, Self

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import dict_row

from leadmagnet.database.deadlines import Deadlines
from leadmagnet.database.queries import queries

Row = dict[str, Any]

LOCK_SECONDS = 1.3
STATEMENT_SECONDS = 1.5
# Whatever the role, the database or the server says: values are read and acknowledged by these.
SETTINGS = {
    "lock_timeout": f"{LOCK_SECONDS * 1000:.0f}",
    "statement_timeout": f"{STATEMENT_SECONDS * 1000:.0f}",
    "idle_in_transaction_session_timeout": "10000",
    "timezone": "UTC",
    "datestyle": "ISO",
    "intervalstyle": "postgres",
    # The ledger's digests are computed over the bytes as they arrive.
    "bytea_output": "hex",
    # A signup is acknowledged when it is on disk.
    "synchronous_commit": "on",
}
# For the owner's long queries: a plan that suits one day suits neither a year nor an unset filter.
# The short queries of visitors run too often to be planned each time.
PLANNED_ANEW = {"plan_cache_mode": "force_custom_plan"}
# A peer that vanished without a word, for connections that wait where no deadline of ours looks.
KEEPALIVES = {
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 5000,
}


NEEDED_VERSION = 180000


class ServerTooOld(psycopg.OperationalError):
    """The server is older than what the queries need; the message says what to do."""


class SessionRefused(psycopg.OperationalError):
    """Something between us and PostgreSQL drops the session's settings; the message says what to
    set."""


def refuse_old(conn: psycopg.Connection[Any]) -> None:
    """Raise ServerTooOld, whichever process asks: a pooler passes the server's version on."""
    if conn.info.server_version < NEEDED_VERSION:
        version = conn.info.parameter_status("server_version")
        raise ServerTooOld(
            f"PostgreSQL 18 or newer is needed, and this server is {version}: move the database,"
            " then `leadmagnet migrate`"
        )


def parameters(url: str, *, statement_seconds: float = STATEMENT_SECONDS) -> dict[str, Any]:
    """What every connection is made with."""
    given = conninfo_to_dict(url).get("options") or ""
    settings = SETTINGS | {"statement_timeout": f"{statement_seconds * 1000:.0f}"}
    if statement_seconds > STATEMENT_SECONDS:
        settings |= PLANNED_ANEW
    options = " ".join(f"-c {name}={value}" for name, value in settings.items())
    return {
        "autocommit": True,
        "row_factory": dict_row,
        "cursor_factory": psycopg.RawCursor,
        "options": f"{given} {options}".strip(),
        "connect_timeout": 2,
        "application_name": "leadmagnet",
        **KEEPALIVES,
    }


def connection_class(
    deadlines: Deadlines,
    told: Callable[[psycopg.Error | None], None],
    statement_seconds: float = STATEMENT_SECONDS,
) -> type[psycopg.Connection[Row]]:
    """For a pool: `told` learns why a connection could not be had, and None when one could."""

    class Connection(psycopg.Connection[Row]):
        @classmethod
        def connect(cls, conninfo: str = "", **kwargs: Any) -> Self:
            try:
                conn = super().connect(conninfo, **kwargs)
                try:
                    with deadlines.over(conn):
                        _settle(conn, statement_seconds)
                except BaseException:
                    conn.close()
                    raise
            except psycopg.Error as error:
                told(error)
                raise
            told(None)
            return conn

    return Connection


def _settle(conn: psycopg.Connection[Row], statement_seconds: float) -> None:
    refuse_old(conn)
    row = conn.execute(queries()["session_settings"].text, prepare=False).fetchone() or {}
    if missing := list(_not_held(row, statement_seconds)):
        remedy = "; ".join(f"SET {setting}" for setting in missing)
        raise SessionRefused(
            "a pooler between this service and PostgreSQL drops the session's settings: give them"
            f" to the role itself, by ALTER ROLE {conn.info.user} for each of: {remedy}; and let"
            " the pooler reconnect"
        )
    # In transaction mode the next statement may meet another server process, which knows nothing
    # of a statement prepared before; PgBouncer before 1.21 cannot help with that.
    pooled = row["pid"] != conn.info.backend_pid
    conn.prepare_threshold = None if pooled else 0
    conn.prepared_max = len(queries()) + 10


def _not_held(row: Row, statement_seconds: float) -> list[str]:
    limits = {"lock_timeout": LOCK_SECONDS, "statement_timeout": statement_seconds}
    missing = [name for name, most in limits.items() if not 0 < row[name] <= most]
    missing += [
        name for name in ("timezone", "bytea_output") if row[name].lower() != SETTINGS[name].lower()
    ]
    if row["synchronous_commit"] == "off":
        missing.append("synchronous_commit")
    return [f"{name} = '{SETTINGS[name]}'" for name in missing]


def hung_up(conn: psycopg.Connection[Row]) -> bool:
    """Whether the server ended this idle connection: the one reason for it to say anything."""
    waiting = select.poll()
    waiting.register(conn.fileno(), select.POLLIN)
    return bool(waiting.poll(0))
