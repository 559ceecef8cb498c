"""The database's precondition, each broken."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from leadmagnet.database import Database
from leadmagnet.doctor.examination import examine
from tests.support.client import sign_up
from tests.support.database import NOWHERE, database_at
from tests.support.settling import settle


def test_requests_that_nobody_settles_are_told(look, database):
    database.rows(
        "INSERT INTO lm_requests (kind, email, network_key, accepted_at)"
        " VALUES ('signup', 'ada@example.org', '', now() - interval '1 hour')"
    )
    found = look("database", "worker")
    assert (found.said, found.fix) == ("none was seen for 60 min", "leadmagnet worker")
    database.rows("UPDATE lm_requests SET failed_at = now(), reason = 'DataError', attempts = 9")
    assert look("database", "worker").fix == "leadmagnet requests"


def database_verdicts(given):
    return {one.check: str(one.finding.verdict) for one in examine(given, ["database"])}


def test_a_migrated_database_is_well(given):
    assert set(database_verdicts(given).values()) == {"ok"}


def test_looking_changes_nothing(given, database):
    rights = "SELECT md5(string_agg(relacl::text, '' ORDER BY relname)) FROM pg_class"
    before = database.checksum(), database.value(rights)
    database_verdicts(given)
    assert (database.checksum(), database.value(rights)) == before


def test_a_database_that_is_not_there_is_told_and_the_rest_is_skipped(given):
    away = database_at(NOWHERE)
    away.open()
    there = replace(given, services=replace(given.services, database=away), migration=None)
    found = {one.check: one.finding for one in examine(there, ["database"])}
    away.close()
    assert found["server"].verdict == "fail"
    assert "nothing listens" in found["server"].said
    assert found["server"].fix.startswith("start PostgreSQL")
    assert {found[name].verdict for name in ("rights", "clock", "ledger", "mails")} == {"skipped"}


def test_an_old_server_is_told_by_its_version(given, database, monkeypatch):
    # No older server is at hand, so that this one is made too old.
    monkeypatch.setattr("leadmagnet.database.session.NEEDED_VERSION", 990000)
    old = Database(database.url, size=1)
    old.open()
    there = replace(given, services=replace(given.services, database=old))
    found = next(examine(there, ["database"])).finding
    old.close()
    assert found.verdict == "fail"
    assert found.said.startswith("PostgreSQL 18 or newer is needed, and this server is 18")
    assert found.fix.startswith("move the database")


def test_tables_of_another_version_are_told(look, database):
    database.rows("ALTER TABLE lm_outbox RENAME COLUMN reason TO why")
    found = look("database", "tables")
    assert (found.verdict, found.fix) == ("fail", "leadmagnet migrate")


def test_the_tables_of_the_former_system_are_named_where_they_stand_in_the_way(look, database):
    database.rows("ALTER TABLE lm_consent_events RENAME COLUMN type TO event_type")
    found = look("database", "tables")
    assert found.verdict == "fail"
    assert found.said.startswith("lm_consent_events: ProspectFlow's tables")
    assert found.fix.startswith("leadmagnet import prospectflow aside")


def test_a_migration_that_is_not_applied_is_named(look, database):
    script = "V20261122_150000__lm_outbox_sent.sql"
    database.rows("DELETE FROM flyway_schema_history WHERE script = %s", script)
    found = look("database", "migrations")
    assert (found.verdict, found.fix) == ("fail", "leadmagnet migrate")
    assert script in found.said


def test_an_application_role_that_is_not_there_is_named(look, given):
    found = look("database", "migrations", migration=replace(given.migration, app_role="typo"))
    assert (found.verdict, found.fix) == ("fail", "create it, or correct APP_ROLE")
    assert "no role typo" in found.said


def test_a_migration_that_was_changed_is_named(look, database):
    database.rows("UPDATE flyway_schema_history SET checksum = 1 WHERE installed_rank = 3")
    found = look("database", "migrations")
    assert found.verdict == "fail"
    assert "changed after it was applied" in found.said
    assert found.fix.startswith("restore it")


def test_without_the_owners_connection_the_history_is_skipped(look):
    found = look("database", "migrations", migration=None)
    assert found.verdict == "skipped"
    assert "MIGRATION_DATABASE_URL" in found.said


@pytest.mark.parametrize("known", [True, False], ids=["with the owner", "without"])
@pytest.mark.parametrize(
    "grant",
    ["DELETE ON lm_consent_events", "UPDATE (gesture) ON lm_consent_events"],
)
def test_a_right_too_many_on_the_ledger_is_told(look, database, given, grant, known):
    database.rows(f"GRANT {grant} TO lm_app")
    found = look("database", "rights", migration=given.migration if known else None)
    assert (found.verdict, found.fix) == ("fail", "leadmagnet migrate")
    assert "lm_consent_events" in found.said


def test_any_other_right_too_many_is_told(look, database):
    database.rows("GRANT DELETE ON lm_magnets TO lm_app")
    assert look("database", "rights").said == "other rights than granted on lm_magnets"


def test_the_owner_as_application_is_told(given, server, database):
    owner = Database(server.url("lm_owner", database.name), size=1)
    owner.open()
    there = replace(given, services=replace(given.services, database=owner))
    found = {one.check: one.finding for one in examine(there, ["database"])}
    owner.close()
    assert found["rights"].verdict == "fail"
    assert "owns the tables" in found["rights"].said


@pytest.mark.parametrize(("seconds", "verdict"), [(1, "ok"), (30, "warn"), (-300, "fail")])
def test_a_clock_that_is_wrong_is_told(look, seconds, verdict):
    found = look("database", "clock", now=lambda: datetime.now(UTC) + timedelta(seconds=seconds))
    assert found.verdict == verdict


def test_a_worker_that_does_nothing_is_told(look, client, services, database, superuser):
    sign_up(client)
    settle(services)
    database.rows("UPDATE lm_worker_heartbeat SET seen_at = now() - interval '1 hour'")
    assert look("database", "worker").said == "none was seen for 60 min"
    database.rows("UPDATE lm_worker_heartbeat SET seen_at = now()")
    superuser.execute("UPDATE lm_consent_events SET recorded_at = now() - interval '1 hour'")
    database.rows("UPDATE lm_outbox SET due_at = now() - interval '1 hour'")
    assert look("database", "ledger").said == "an event has waited for its seal for 60 min"
    assert look("database", "mails").fix == "leadmagnet worker"
    database.rows("UPDATE lm_outbox SET state = 'dead', reason = 'Rejected'")
    assert look("database", "mails").verdict == "warn"
    database.rows("UPDATE lm_send_limiter SET hold_reason = 'operator'")
    assert look("database", "mails").said == "sending is paused (operator)"


def test_an_endpoint_that_is_not_told_is_told(look, given, database):
    keyed = replace(given.services.config, webhook_key=b"w" * 32)
    services = replace(given.services, config=keyed)

    def webhooks(**changes):
        return look("database", "webhooks", **{"services": services} | changes)

    assert webhooks(services=given.services).said == "nobody is told"
    database.rows(
        "INSERT INTO lm_webhook_endpoints (name, url, kinds)"
        " VALUES ('crm', 'https://crm.example/secret', '{file.handed_out}')"
    )
    assert webhooks().said == "1 endpoint told of everything"
    without = webhooks(services=given.services)
    assert (without.verdict, without.said) == (
        "fail", "WEBHOOK_KEY is not set: crm is told nothing",
    )  # fmt: skip
    database.rows(
        "INSERT INTO lm_webhook_events (endpoint_id, kind, state, finished_at)"
        " SELECT id, 'ping', 'dead', now() FROM lm_webhook_endpoints"
    )
    assert webhooks().fix == "leadmagnet webhooks replay --dead crm"
    database.rows("UPDATE lm_webhook_endpoints SET failing_since = now()")
    failing = webhooks()
    assert (failing.verdict, failing.said) == ("warn", "crm takes no events")
    disable = "UPDATE lm_webhook_endpoints SET disabled_at = now(), disabled_why = %s"
    for why in ("gone", "failing"):
        database.rows(disable, why)
        assert webhooks().fix == "leadmagnet webhooks enable crm"
    database.rows(disable, "operator")
    assert webhooks(services=given.services).said == "nobody is told"
    database.rows(
        "INSERT INTO lm_webhook_events (endpoint_id, kind, subscriber_id)"
        " SELECT id, 'subscriber.erased', uuidv7() FROM lm_webhook_endpoints"
    )
    for age, verdict in (("6 days", "warn"), ("8 days", "fail")):
        database.rows("UPDATE lm_webhook_events SET occurred_at = now() - %s::interval", age)
        found = webhooks()
        assert (found.verdict, found.said) == (
            verdict, "crm is disabled, and an erasure waits for it",
        )  # fmt: skip
        assert found.fix == "leadmagnet webhooks enable crm"
