"""The database: the right server, migrated, granted as it should be, and a worker at work."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime, timedelta

from leadmagnet.config import MigrationConfig
from leadmagnet.database.applied import Comparison, compare
from leadmagnet.database.migration_files import MigrationError
from leadmagnet.database.reasons import why
from leadmagnet.doctor.findings import Check, Finding, Skip, Surroundings, fail, in_two, ok, warn
from leadmagnet.errors import Unavailable
from leadmagnet.webhooks import endpoints

# AWS refuses what is signed five minutes off; an hour would mix up limits and links.
CLOCK_WARN, CLOCK_FAIL = 5.0, 120.0
LATE_SECONDS = 600
# An erasure that waits longer for a disabled endpoint is no longer a repair in progress.
ERASURE_LATE = timedelta(days=7)


def server(given: Surroundings) -> Finding:
    try:
        row = given.services.database.one("checkup_server") or {}
        pooled = given.services.database.pooled()
    except Unavailable as error:
        return fail(*in_two(why(error.__cause__ or error).sentence))
    if pooled and not given.services.config.database_listen_url:
        return warn(
            "no notification comes through the pooler: the worker looks once a second",
            "DATABASE_LISTEN_URL=postgresql://lm_app:…@… (PostgreSQL itself)",
        )
    between = ", through a pooler that keeps our settings" if pooled else ""
    return ok(f"PostgreSQL {row['version']}{between}")


def readiness(given: Surroundings) -> Finding:
    try:
        given.services.database.readiness.require()
    except Unavailable as error:
        former = given.services.database.one("checkup_former_tables") or {}
        if former["names"]:
            return fail(
                f"{former['names']}: ProspectFlow's tables have the names that ours need",
                "leadmagnet import prospectflow aside (docs/moving-in.md)",
            )
        return fail(*in_two(why(error.__cause__ or error).sentence))
    return ok("every query fits the tables and the role's rights")


def migrations(given: Surroundings) -> Finding:
    if given.migration is None:
        raise Skip("set MIGRATION_DATABASE_URL, too: the history is the owner's")
    try:
        found = _compared(given.migration)
    except MigrationError as error:
        said, _, remedy = str(error).partition("; ")
        return fail(said, remedy) if remedy else fail(*in_two(said))
    if found.pending:
        return fail(f"{len(found.pending)} not applied: {found.pending[0]}", "leadmagnet migrate")
    return ok(f"{found.applied} applied, checksums match")


def rights(given: Surroundings) -> Finding:
    row = given.services.database.one("checkup_rights") or {}
    if row["superuser"] or row["owner"]:
        what = "rules the server" if row["superuser"] else "owns the tables"
        return fail(
            f"the role of DATABASE_URL {what}: the ledger is not protected from it",
            "DATABASE_URL=postgresql://lm_app:…@… (deploy/postgres/init.sql makes the role)",
        )
    if row["rights"]:
        more = "" if len(row["rights"]) == 1 else f" and {len(row['rights']) - 1} more"
        return fail(f"the role may do too much: {row['rights'][0]}{more}", "leadmagnet migrate")
    if given.migration:
        # What else is wrong with the history is said by the check of the migrations.
        with suppress(MigrationError):
            if other := _compared(given.migration).other_rights:
                return fail(
                    f"other rights than granted on {', '.join(other)}", "leadmagnet migrate"
                )
    return ok("the ledger is append-only for the application's role")


def clock(given: Surroundings) -> Finding:
    seconds = abs((given.now() - database_time(given)).total_seconds())
    said = f"{seconds:.1f} s between this machine and the database"
    if seconds > CLOCK_FAIL:
        return fail(said, "timedatectl set-ntp true")
    return warn(said, "timedatectl set-ntp true") if seconds > CLOCK_WARN else ok(said)


def worker(given: Surroundings) -> Finding:
    row = given.services.database.one("checkup_work") or {}
    waiting = max(row["silent_seconds"], row["request_seconds"])
    if waiting > LATE_SECONDS:
        return fail(f"none was seen for {int(waiting // 60)} min", "leadmagnet worker")
    if row["failed_requests"]:
        return warn(
            f"requests that could not be settled: {row['failed_requests']}", "leadmagnet requests"
        )
    return ok("seen a moment ago")


def ledger(given: Surroundings) -> Finding:
    row = given.services.database.one("checkup_work") or {}
    if row["unsealed_seconds"] > LATE_SECONDS:
        minutes = int(row["unsealed_seconds"] // 60)
        return fail(
            f"an event has waited for its seal for {minutes} min", "leadmagnet ledger verify"
        )
    end = f"sealed up to {row['position']}" if row["position"] else "empty"
    return ok(f"{end}, nothing waits")


def mails(given: Surroundings) -> Finding:
    row = given.services.database.one("checkup_work") or {}
    if row["paused"]:
        return fail(f"sending is paused ({row['paused']})", "leadmagnet mails")
    if row["overdue_seconds"] > LATE_SECONDS:
        minutes = int(row["overdue_seconds"] // 60)
        return fail(f"a mail has been due for {minutes} min", "leadmagnet worker")
    if row["dead"]:
        return warn(f"{row['dead']} dead", "leadmagnet mails")
    return ok("none is overdue or dead")


def webhooks(given: Surroundings) -> Finding:
    """Whether other systems are told; what an operator disabled is as they want it, but for people
    who were erased since."""
    rows = endpoints.listed(given.services)
    for row in rows:
        waited = row["erasure_waiting"]
        if row["disabled_why"] and waited:
            say = fail if waited > ERASURE_LATE else warn
            return say(
                f"{row['name']} is disabled, and an erasure waits for it",
                f"leadmagnet webhooks enable {row['name']}",
            )
    told = [row for row in rows if row["disabled_why"] != "operator"]
    if told and given.services.config.webhook_key is None:
        return fail(
            f"WEBHOOK_KEY is not set: {told[0]['name']} is told nothing",
            "WEBHOOK_KEY=… (the former one; after a new one, leadmagnet webhooks rotate NAME)",
        )
    for row in told:
        name = row["name"]
        if row["disabled_why"]:
            why_not = {"gone": "it is gone (410)", "failing": "it failed for three days"}
            return warn(
                f"{name} is disabled: {why_not[row['disabled_why']]}",
                f"leadmagnet webhooks enable {name}",
            )
        if row["failing_since"]:
            return warn(f"{name} takes no events", f"leadmagnet webhooks deliveries {name}")
        if row["dead"]:
            return warn(
                f"events that were given up for {name}: {row['dead']}",
                f"leadmagnet webhooks replay --dead {name}",
            )
    many = "s" * (len(told) > 1)
    return ok(f"{len(told)} endpoint{many} told of everything" if told else "nobody is told")


def bounced(given: Surroundings, *, since: datetime) -> bool:
    """Whether a bounce of somebody who is no subscriber has come by the webhook."""
    return given.services.database.one("checkup_bounce", since=since) is not None


def database_time(given: Surroundings) -> datetime:
    row = given.services.database.one("checkup_server") or {}
    return row["now"]  # type: ignore[no-any-return]


def _compared(owner: MigrationConfig) -> Comparison:
    return compare(owner.migration_database_url, app_role=owner.app_role)


CHECKS: dict[str, Check] = {
    "server": server,
    "tables": readiness,
    "migrations": migrations,
    "rights": rights,
    "clock": clock,
    "worker": worker,
    "ledger": ledger,
    "mails": mails,
    "webhooks": webhooks,
}
