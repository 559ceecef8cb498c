"""Why the database cannot be used: a word for the log, and a sentence for the operator."""

from __future__ import annotations

import re
from typing import NamedTuple

import psycopg
from psycopg import errors
from psycopg_pool import PoolTimeout

from leadmagnet.database.session import ServerTooOld, SessionRefused


class Reason(NamedTuple):
    word: str
    sentence: str


# What PostgreSQL and libpq say when no connection is made; there is no code to go by.
REFUSALS = {
    r'role "(.*)" does not exist': (
        "role_unknown",
        "there is no role {0} in PostgreSQL: create it, or correct the user in {setting}",
    ),
    r'database "(.*)" does not exist': (
        "database_unknown",
        "there is no database {0} on that server: create it, or correct the name in {setting}",
    ),
    # It does not tell which, so that nobody learns what roles there are.
    r'password authentication failed for user "(.*)"': (
        "password_refused",
        "PostgreSQL has no role {0} with this password: correct one of them in {setting}, or create"
        " the role",
    ),
    r"no password supplied": (
        "password_refused",
        "PostgreSQL asks for a password: give it in {setting}",
    ),
    r"no pg_hba\.conf entry": (
        "host_refused",
        "PostgreSQL takes no connection of this user from here: add a line to its pg_hba.conf",
    ),
    r"permission denied for database|does not have CONNECT": (
        "connect_refused",
        "the role may not connect to this database: GRANT CONNECT ON DATABASE … TO the role",
    ),
    r"Connection refused|No such file or directory": (
        "nobody_listens",
        "nothing listens at the host and port in {setting}: start PostgreSQL, or correct them",
    ),
    r"could not translate host name|failed to resolve host|Name or service not known": (
        "host_unknown",
        "the host in {setting} has no address: correct it",
    ),
    r"timeout expired|timed out|Network is unreachable|No route to host": (
        "unreachable",
        "no answer from the host in {setting}: look at the network, the firewall, the server",
    ),
    r"unsupported startup parameter": (
        "pooler_refuses",
        "PgBouncer refuses the session's settings: set ignore_startup_parameters = options in"
        " pgbouncer.ini; start again, and it is said what to set on the server",
    ),
    r"too many (clients|connections)|remaining connection slots": (
        "too_many_connections",
        "PostgreSQL has no connection left: raise max_connections, or run fewer processes",
    ),
    r"starting up|shutting down|recovery": (
        "restarting",
        "PostgreSQL is starting or stopping: try again in a moment",
    ),
}
BY_CLASS: dict[type[Exception], tuple[str, str]] = {
    errors.ReadOnlySqlTransaction: (
        "read_only",
        "this server takes no writes (a standby, or set so): let {setting} lead to the primary",
    ),
    errors.InsufficientPrivilege: (
        "grants_missing",
        "the role lacks a right: run `leadmagnet migrate` with APP_ROLE set to the role of"
        " DATABASE_URL ({line})",
    ),
    errors.UndefinedTable: (
        "not_migrated",
        "a table is missing ({line}): run `leadmagnet migrate`",
    ),
    errors.UndefinedColumn: (
        "not_migrated",
        "a column is missing ({line}): run `leadmagnet migrate`",
    ),
    errors.UndefinedFunction: (
        "not_migrated",
        "a function is missing ({line}): run `leadmagnet migrate`",
    ),
    errors.LockNotAvailable: ("locked", "another session holds a lock ({line}): try again"),
    errors.QueryCanceled: ("too_slow", "the database took too long ({line}): try again"),
    errors.DiskFull: ("disk_full", "the database's disk is full ({line})"),
    PoolTimeout: ("unreachable", "no answer from the host in {setting}"),
}


def why(error: BaseException | None, *, setting: str = "DATABASE_URL") -> Reason:
    """What is the matter, and what to do about it in one sentence that names the setting."""
    text = " ".join(str(error).split())
    line = text.partition(" LINE ")[0]
    if isinstance(error, SessionRefused):
        return Reason("pooler_drops_settings", text)
    if isinstance(error, ServerTooOld):
        return Reason("server_too_old", text)
    if isinstance(error, errors.InsufficientPrivilege) and setting != "DATABASE_URL":
        return Reason(
            "not_the_owner",
            f"the role in {setting} lacks a right: let it be the owner of the database ({line})",
        )
    for kind, (word, sentence) in BY_CLASS.items():
        if isinstance(error, kind):
            return Reason(word, sentence.format(setting=setting, line=line))
    if isinstance(error, psycopg.OperationalError):
        for pattern, (word, sentence) in REFUSALS.items():
            if found := re.search(pattern, text):
                return Reason(word, sentence.format(*found.groups(), setting=setting))
    return Reason(type(error).__name__, f"the database cannot be used: {line}")
