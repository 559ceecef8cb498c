"""What an import makes of the former system's records, good and bad."""

from __future__ import annotations

import io
import json
import threading
from dataclasses import replace
from uuid import UUID

import psycopg
import pytest

from leadmagnet.consent.suppressions import suppression_hash
from leadmagnet.moving import asides
from leadmagnet.moving.steps import MovingError
from leadmagnet.rights import erasures

PENDING, LATE, CONFIRMED, IDN, LEFT, BOUNCED = (
    f"6f1c7f0e-0f5e-4b55-9a51-{number:012}" for number in range(1, 7)
)
WORDING = "Je veux recevoir les e-mails de Light & Shutter"


def outcomes(result):
    return {(row["outcome"], row["problem"]): row["people"] for row in result.outcomes}


def subscriber(database, name):
    (row,) = database.rows("SELECT * FROM lm_subscribers WHERE id = %s", name)
    return row


def free(database, table, *columns):
    """Let them be null."""
    for column in columns:
        database.rows(f"ALTER TABLE {table} ALTER {column} DROP NOT NULL")


def claims(database, name):
    rows = database.rows(
        "SELECT claim FROM lm_consent_events WHERE subscriber_id = %s ORDER BY id", name
    )
    return [row["claim"] for row in rows]


def test_everybody_keeps_id_state_times_and_source(moved, database):
    assert outcomes(moved) == {("imported", None): 6}
    assert (
        database.value(
            "SELECT count(*) FROM lm_subscribers s JOIN lm_old_subscribers o USING (id)"
            " WHERE s.status = o.status AND s.created_at = o.created_at"
            " AND s.source IS NOT DISTINCT FROM o.source"
            " AND s.confirmed_at IS NOT DISTINCT FROM o.confirmed_at"
            " AND s.status_at = coalesce(o.unsubscribed_at, o.confirmed_at, o.created_at)"
            " AND s.not_me_at IS NOT DISTINCT FROM CASE WHEN o.confirmed_at IS NULL"
            " THEN o.unsubscribed_at END"
        )
        == 6
    )
    assert subscriber(database, CONFIRMED)["email"] == "confirmed@example.org"
    assert subscriber(database, IDN)["email"] == "old@xn--exmple-qta.org"
    assert not database.value("SELECT bool_or(newsletter) FROM lm_subscribers")
    # Who left may come back by a fresh opt-in: nothing suppresses them.
    assert database.count("lm_suppressions") == 0


def test_the_wording_becomes_a_retired_text_for_the_file_alone(moved, database):
    (text,) = database.rows("SELECT * FROM lm_consent_texts WHERE id LIKE 'prospectflow-%'")
    assert (text["text"], text["purpose"], text["policy_version"]) == (
        WORDING, "delivery", "2026-02-01",
    )  # fmt: skip
    assert text["retired_at"]


def test_an_event_is_recorded_now_and_its_claim_stands_beside(moved, database):
    first, second, record = claims(database, CONFIRMED)
    assert (first["type"], first["wording"]) == ("signup", WORDING)
    assert second["type"] == "confirm"
    assert (record["record"], record["status"]) == ("subscriber", "confirmed")
    assert database.value("SELECT bool_and(occurred_at > now() - interval '1 hour')"
                          " FROM lm_consent_events")  # fmt: skip
    assert database.value(
        "SELECT bool_and((e.claim ->> 'occurred_at')::timestamptz = o.occurred_at)"
        " FROM lm_consent_events e JOIN lm_old_consent_events o ON o.id::text = e.claim ->> 'id'"
    )
    assert database.value(
        "SELECT count(*) FROM lm_consent_context x JOIN lm_consent_events e ON e.id = x.event_id"
        " WHERE x.created_at = (e.claim ->> 'occurred_at')::timestamptz"
    ) == database.count("lm_old_consent_events")


def test_a_second_run_changes_nothing_but_the_audit(moved, bring_in, database):
    audit = frozenset({"lm_audit"})
    before = database.checksum(without=audit)
    assert outcomes(bring_in()) == {("already", None): 6}
    assert database.checksum(without=audit) == before


def test_a_dry_run_says_the_same_and_changes_nothing(make_room, bring_in, database):
    make_room()
    before = database.checksum()
    assert outcomes(bring_in(dry_run=True)) == {("imported", None): 6}
    assert database.checksum() == before


def test_nothing_is_sent(moved, mailbox, database):
    assert mailbox.deliver().messages() == []
    assert database.value("SELECT count(*) FROM lm_outbox WHERE state <> 'cancelled'") == 0


def test_the_newsletter_is_the_operators_decision_and_written_down(
    make_room, bring_in, database, leadmagnet, seal
):
    make_room()
    bring_in(newsletter=True)
    rows = database.rows("SELECT id::text FROM lm_subscribers WHERE newsletter")
    assert {row["id"] for row in rows} == {CONFIRMED, IDN}
    assert claims(database, CONFIRMED)[-1]["newsletter_decided_by"] == "operator"
    assert not claims(database, LEFT)[-1]["newsletter"]
    seal()
    assert leadmagnet("ledger", "verify").returncode == 0


def test_of_two_records_of_one_mailbox_the_stronger_refusal_stays(make_room, bring_in, database):
    database.rows(
        "INSERT INTO lm_subscribers (id, email, status, created_at, unsubscribed_at) VALUES"
        " ('6f1c7f0e-0f5e-4b55-9a51-000000000007', 'OLD@xn--exmple-qta.org', 'unsubscribed',"
        " now() - interval '10 days', now() - interval '9 days')"
    )
    make_room()
    report = io.StringIO()
    result = bring_in(report)
    assert outcomes(result) == {("imported", None): 6, ("merged", None): 1}
    lines = [json.loads(line) for line in report.getvalue().splitlines()]
    winner = "6f1c7f0e-0f5e-4b55-9a51-000000000007"
    assert {"old_id": IDN, "outcome": "merged", "subscriber_id": winner} in lines
    assert "@" not in report.getvalue()
    assert subscriber(database, winner)["status"] == "unsubscribed"
    # The other's proofs and links are theirs now.
    assert {claim["id"] for claim in claims(database, winner)} >= {IDN, winner}
    assert outcomes(bring_in()) == {("already", None): 7}


def test_what_cannot_be_imported_is_said_and_a_refusal_reaches_it(make_room, bring_in, database):
    free(database, "lm_subscribers", "email", "status", "created_at")
    database.rows("ALTER TABLE lm_subscribers DROP CONSTRAINT lm_subscribers_status_check")
    database.rows(
        "INSERT INTO lm_subscribers (email, status, created_at) VALUES"
        " ('no address', 'confirmed', now()), (NULL, 'confirmed', now()),"
        " ('zoé@example.org', 'unsubscribed', now()), ('odd@example.org', 'blocked', now()),"
        " ('null@example.org', NULL, now()), ('when@example.org', 'confirmed', NULL),"
        " ('future@example.org', 'confirmed', now() + interval '1 year')"
    )
    make_room()
    assert outcomes(bring_in()) == {
        ("imported", None): 6,
        ("imported", "time_in_the_future"): 1,
        ("imported", "time_missing"): 1,
        ("refused", "address_missing"): 1,
        ("refused", "email_invalid"): 1,
        ("refused", "email_unsupported"): 1,
        ("refused", "status_unknown"): 2,
    }
    assert database.count("lm_suppressions") == 2
    assert database.value("SELECT bool_and(created_at <= now() AND confirmed_at <= now())"
                          " FROM lm_subscribers WHERE status = 'confirmed'")  # fmt: skip


def test_links_keep_their_hash_and_expiry_and_uses_are_clamped(make_room, bring_in, database):
    database.rows("UPDATE lm_download_tokens SET use_count = 700 WHERE use_count = 3")
    make_room()
    assert bring_in().links_left == {"links": 0, "live": 0}
    rows = database.rows(
        "SELECT t.use_count, t.kind FROM lm_download_tokens t JOIN lm_old_download_tokens o"
        " ON encode(t.token_hash, 'hex') = o.token_hash AND t.expires_at = o.expires_at"
        " ORDER BY t.use_count"
    )
    # 700 of 999 were used: one of our hundred is left.
    assert [tuple(row.values()) for row in rows] == [
        (0, "confirm"),
        (0, "confirm"),
        (99, "confirm"),
    ]


def test_a_hash_that_two_records_claim_opens_neither(make_room, bring_in, database):
    database.rows(
        "INSERT INTO lm_download_tokens (subscriber_id, token_hash, purpose, expires_at)"
        " SELECT %s, upper(token_hash), purpose, expires_at FROM lm_download_tokens"
        " WHERE use_count = 3",
        BOUNCED,
    )
    database.rows(
        "INSERT INTO lm_download_tokens (subscriber_id, token_hash, purpose, expires_at)"
        " VALUES (%s, 'not hex', 'download_only', now())",
        BOUNCED,
    )
    make_room()
    assert bring_in().links_left == {"links": 3, "live": 2}
    assert database.count("lm_download_tokens") == 2


def test_events_and_links_without_what_they_should_have_are_taken_for_what_they_are(
    make_room, bring_in, database, seal, leadmagnet
):
    free(database, "lm_consent_events", "subscriber_id", "event_type", "occurred_at")
    free(database, "lm_download_tokens", "subscriber_id", "token_hash", "purpose", "expires_at",
         "max_uses", "use_count", "created_at")  # fmt: skip
    database.rows(
        "ALTER TABLE lm_consent_events DROP CONSTRAINT lm_consent_events_event_type_check"
    )
    database.rows(
        f"""INSERT INTO lm_consent_events
            (subscriber_id, event_type, occurred_at, consent_text, user_agent) VALUES
            (NULL, 'signup', now(), 'x', 'x'),
            ('{LATE}', NULL, NULL, NULL, NULL),
            ('{LATE}', 'odd', now(), '', 'x'),
            ('{LATE}', 'signup', now() + interval '1 year', NULL, 'x')"""
    )
    soon = "now() + interval '1 day'"
    database.rows(
        f"""INSERT INTO lm_download_tokens
            (subscriber_id, token_hash, purpose, expires_at, max_uses, use_count, created_at) VALUES
            (NULL, repeat('1', 64), 'download_only', {soon}, 1, 0, now()),
            ('{LATE}', NULL, 'download_only', {soon}, 1, 0, now()),
            ('{LATE}', repeat('2', 64), NULL, now(), 1, 0, now()),
            ('{LATE}', repeat('3', 64), 'download_only', NULL, 1, 0, now()),
            ('{LATE}', repeat('4', 64), 'download_only', {soon}, NULL, NULL, NULL),
            ('{LATE}', repeat('5', 64), 'download_only', {soon}, -1, -5, {soon})"""
    )
    make_room()
    result = bring_in()
    assert outcomes(result) == {("imported", None): 6}
    assert result.links_left == {"links": 3, "live": 1}
    assert [claim.get("type") for claim in claims(database, LATE)] == [
        None, "signup", "odd", "signup", None,
    ]  # fmt: skip
    assert database.value("SELECT max(created_at) <= now() FROM lm_consent_context")
    assert database.value("SELECT max(created_at) <= now() FROM lm_download_tokens")
    seal()
    verified = leadmagnet("ledger", "verify")
    assert verified.returncode == 0, verified.stderr


def test_two_runs_at_once_are_one(make_room, bring_in, database, owner_url):
    make_room()
    with psycopg.connect(owner_url) as other:
        other.execute("SELECT pg_advisory_xact_lock(7743383391)")
        with pytest.raises(MovingError, match="another import is running"):
            bring_in()
    assert database.count("lm_subscribers") == 0


def test_an_interrupted_run_leaves_nothing_and_the_next_does_all(
    make_room, bring_in, database, server
):
    make_room()
    failed = []

    def run():
        try:
            bring_in()
        except psycopg.Error as error:
            failed.append(error)

    # The import waits for this lock in the middle of its work, and is ended there.
    database.owner.execute("BEGIN")
    database.owner.execute("LOCK TABLE lm_consent_events IN SHARE MODE")
    thread = threading.Thread(target=run)
    thread.start()
    with psycopg.connect(server.url("postgres", database.name), autocommit=True) as admin:
        ended = None
        while not ended and thread.is_alive():
            ended = admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE wait_event_type = 'Lock' AND datname = current_database()"
            ).fetchone()
    thread.join()
    database.owner.execute("ROLLBACK")
    assert failed
    assert database.count("lm_subscribers") == 0
    assert outcomes(bring_in()) == {("imported", None): 6}


def test_an_erased_person_is_gone_from_the_old_tables_and_stays_away(
    moved, bring_in, database, services
):
    assert erasures.erase(services, UUID(CONFIRMED), by="operator")
    assert database.value("SELECT count(*) FROM lm_old_subscribers WHERE id = %s", CONFIRMED) == 0
    assert outcomes(bring_in()) == {("already", None): 5}


def test_erasure_covers_people_who_are_not_imported_yet(make_room, bring_in, database, services):
    make_room()
    assert erasures.erase(services, UUID(CONFIRMED), by="operator")
    assert not erasures.erase(services, UUID(int=5), by="operator")
    assert outcomes(bring_in()) == {("imported", None): 5}


@pytest.mark.parametrize("former", [False, True])
def test_an_address_that_has_objected_here_is_not_brought_in(
    make_room, bring_in, database, services, former
):
    key = b"f1-" + b"y" * 40 if former else services.config.hash_key
    config = replace(services.config, former_hash_keys=(key,) if former else ())
    make_room()
    email = database.value("SELECT email FROM lm_old_subscribers WHERE id = %s", CONFIRMED)
    objected = suppression_hash(email.strip().lower(), key)
    for _ in range(2):
        database.owner.execute(
            "INSERT INTO lm_suppressions (address_hash) VALUES (%s) ON CONFLICT DO NOTHING",
            [objected],
        )
        result = outcomes(bring_in(config=config))
        assert result["refused", "objected"] == 1
    assert database.value("SELECT count(*) FROM lm_subscribers WHERE id = %s", CONFIRMED) == 0


def test_an_unknown_magnet_is_one_sentence(make_room, leadmagnet):
    make_room()
    ran = leadmagnet("import", "prospectflow", "run", "--magnet", "nothing")
    assert (ran.returncode, ran.stdout) == (1, "")
    assert "there is no magnet 'nothing'" in ran.stderr


def test_before_aside_and_before_migrate_the_next_command_is_named(leadmagnet, owner_url):
    first = leadmagnet("import", "prospectflow", "run", "--magnet", "x")
    assert "leadmagnet import prospectflow aside" in first.stderr
    asides.set_aside(owner_url)
    second = leadmagnet("import", "prospectflow", "run", "--magnet", "x")
    assert "leadmagnet migrate" in second.stderr
