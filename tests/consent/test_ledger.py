"""The ledger: added to by the application, changed by nobody, and sealed against who may."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from datetime import timedelta

import psycopg
import pytest

from leadmagnet.consent import chain, ledger, seals
from leadmagnet.consent.chain import Head
from leadmagnet.rights import erasures
from leadmagnet.worker import Worker
from tests.support.client import confirm, sign_up
from tests.support.paths import path_of
from tests.support.settings import DELIVERY, NEWSLETTER

KEY = b"h1-" + b"z" * 40
NOW = timedelta()


def seal(services):
    return seals.Sealer(services, settling_time=NOW).seal()


@pytest.fixture
def people(client, mailbox):
    """Three who signed up; the second confirmed."""
    for name in ("ada", "bea", "cleo"):
        sign_up(client, f"{name}@example.org", consents=[DELIVERY, NEWSLETTER])
    confirm(client, mailbox.deliver().token("bea@example.org"))


@pytest.fixture
def sealed(people, services):
    assert seal(services) == 8
    return lambda: ledger.verify(services)


STATEMENTS = [
    "UPDATE lm_consent_events SET gesture = 'one_click'",
    "UPDATE lm_consent_events SET gesture = gesture",
    "DELETE FROM lm_consent_events",
    "DELETE FROM lm_consent_events WHERE type = 'confirm'",
    "TRUNCATE lm_consent_events CASCADE",
    "TRUNCATE lm_subscribers CASCADE",
    "UPDATE lm_consent_seals SET position = position + 100",
    "DELETE FROM lm_consent_seals",
    "TRUNCATE lm_consent_seals",
    "UPDATE lm_erasures SET erased_by = 'operator'",
    "DELETE FROM lm_erasures",
    "TRUNCATE lm_erasures CASCADE",
    "UPDATE lm_consent_texts SET text = 'other'",
    "UPDATE lm_consent_texts SET retired_at = now(), policy_version = 'other'",
    "DELETE FROM lm_consent_texts",
    "TRUNCATE lm_consent_texts CASCADE",
]


def test_neither_the_owner_nor_the_application_rewrites_anything(
    database, sealed, services, subtests
):
    cleo = database.value("SELECT id FROM lm_subscribers WHERE email = 'cleo@example.org'")
    erasures.erase(services, cleo, by="operator")
    before = database.checksum()
    with psycopg.connect(database.url, autocommit=True) as application:
        for statement in STATEMENTS:
            with subtests.test(statement):
                with pytest.raises(psycopg.errors.RestrictViolation):
                    database.rows(statement)
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    application.execute(statement)
                assert database.checksum() == before


@pytest.mark.parametrize("column", ["occurred_at", "id", "text_hash", "policy_version", "salt"])
def test_the_application_cannot_supply_what_is_the_databases(database, people, column):
    with (
        psycopg.connect(database.url, autocommit=True) as conn,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        conn.execute(
            f"INSERT INTO lm_consent_events ({column}) OVERRIDING SYSTEM VALUE SELECT NULL"
        )


def test_an_event_carries_the_hash_and_the_policy_of_its_text(database, people):
    rows = database.rows(
        "SELECT e.*, sha256(convert_to(t.text, 'UTF8')) AS expected, t.policy_version AS policy,"
        " t.purpose AS meant, e.occurred_at > now() - interval '1 minute' AS recent"
        " FROM lm_consent_events e JOIN lm_consent_texts t ON t.id = e.consent_text_id"
    )
    assert len(rows) == 8
    for row in rows:
        assert (row["text_hash"], row["policy_version"]) == (row["expected"], row["policy"])
        assert (row["purpose"], row["recent"]) == (row["meant"], True)
    assert len({row["salt"] for row in rows}) == 8
    assert {len(row["salt"]) for row in rows} == {32}


def test_even_the_owner_cannot_back_date_or_misquote(database, people):
    database.rows(
        "INSERT INTO lm_consent_events (subscriber_id, type, purpose, consent_text_id, text_hash,"
        " policy_version, gesture, occurred_at)"
        " SELECT id, 'signup', 'newsletter', %s, 'x', '1999', 'signup_form', '1999-01-01'"
        " FROM lm_subscribers LIMIT 1",
        DELIVERY,
    )
    (row,) = database.rows("SELECT * FROM lm_consent_events ORDER BY id DESC LIMIT 1")
    assert row["occurred_at"].year > 1999
    assert (row["purpose"], row["policy_version"]) == ("delivery", "2026-11")
    assert len(row["text_hash"]) == len(row["salt"]) == 32


def test_a_temporary_table_cannot_pose_as_the_texts(database, people):
    with psycopg.connect(database.url, autocommit=True) as conn:
        conn.execute(
            "CREATE TEMP TABLE lm_consent_texts AS SELECT id, purpose, 'x'::bytea AS text_hash,"
            " 'forged'::text AS policy_version FROM public.lm_consent_texts"
        )
        conn.execute(
            "INSERT INTO lm_consent_events (subscriber_id, type, consent_text_id, gesture)"
            " SELECT id, 'signup', %s, 'signup_form' FROM lm_subscribers LIMIT 1",
            [DELIVERY],
        )
    assert "forged" not in {
        row["policy_version"] for row in database.rows("SELECT * FROM lm_consent_events")
    }


@pytest.mark.parametrize("kind", ["bounce", "complaint"])
def test_an_event_of_ses_needs_no_gesture_of_hers(database, people, kind):
    for gesture in (None, "ses_event"):
        database.rows(
            "INSERT INTO lm_consent_events (subscriber_id, type, gesture)"
            " SELECT id, %s, %s FROM lm_subscribers LIMIT 1",
            kind,
            gesture,
        )
    with pytest.raises(psycopg.errors.CheckViolation):
        database.rows(
            "INSERT INTO lm_consent_events (subscriber_id, type)"
            " SELECT id, 'confirm' FROM lm_subscribers LIMIT 1"
        )


def test_the_cascade_of_a_deletion_leaves_a_tombstone_and_no_orphan(database, sealed):
    database.rows("DELETE FROM lm_subscribers WHERE email = 'bea@example.org'")
    assert database.count("lm_consent_events") == 4
    assert database.value("SELECT erased_by FROM lm_erasures") == "operator"
    assert sealed().faults == []


def test_an_untouched_ledger_is_intact(sealed):
    report = sealed()
    assert (report.faults, report.events, report.erased, report.waiting) == ([], 8, 0, 0)
    assert report.head.position == 8


def test_nothing_to_seal_is_nothing_to_say(services):
    assert seal(services) == 0
    assert ledger.verify(services).head == chain.GENESIS


def test_only_what_has_settled_is_sealed(people, services):
    assert seals.Sealer(services).seal() == 0
    assert ledger.verify(services).waiting == 8


def test_a_long_chain_is_sealed_in_batches(people, services, database):
    database.rows(
        "INSERT INTO lm_consent_events (subscriber_id, type, gesture)"
        " SELECT s.id, 'unsubscribe', 'one_click'"
        " FROM lm_subscribers s, generate_series(1, 700)"
    )
    counts = [seal(services) for _ in range(4)]
    assert counts == [seals.BATCH, seals.BATCH, 108, 0]
    assert ledger.verify(services).events == 2108


def test_two_sealers_make_one_chain(people, services, database):
    barrier = threading.Barrier(4)

    def work():
        barrier.wait()
        for _ in range(20):
            seal(services)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert database.count("lm_consent_seals") == 8
    assert ledger.verify(services).faults == []


# What a superuser does, and what the verification then says.
TAMPERING = {
    "a flipped bit of a hash": (
        "UPDATE lm_consent_events"
        " SET text_hash = set_bit(text_hash, 77, 1 - get_bit(text_hash, 77))"
        " WHERE id = 3",
        "event 3 (sealed as 3) was altered",
    ),
    "another gesture": (
        "UPDATE lm_consent_events SET gesture = 'one_click' WHERE id = 5",
        "event 5 (sealed as 5) was altered",
    ),
    "a flipped bit of a salt": (
        "UPDATE lm_consent_events SET salt = set_bit(salt, 0, 1 - get_bit(salt, 0)) WHERE id = 2",
        "event 2 (sealed as 2) was altered",
    ),
    "a microsecond": (
        "UPDATE lm_consent_events SET occurred_at = occurred_at + interval '1us' WHERE id = 8",
        "event 8 (sealed as 8) was altered",
    ),
    "another person's consent": (
        "UPDATE lm_consent_events SET subscriber_id = (SELECT subscriber_id FROM lm_consent_events"
        " WHERE id = 1) WHERE id = 7",
        "event 7 (sealed as 7) was altered",
    ),
    "an event removed": (
        "DELETE FROM lm_consent_events WHERE id = 4",
        "event 4 (sealed as 4) was removed",
    ),
    "the last event removed": (
        "DELETE FROM lm_consent_events WHERE id = 8",
        "event 8 (sealed as 8) was removed",
    ),
    "an event and its seal removed": (
        "DELETE FROM lm_consent_events WHERE id = 4;"
        " DELETE FROM lm_consent_seals WHERE event_id = 4",
        "seal 4 was removed",
    ),
    "the first seal removed": (
        "DELETE FROM lm_consent_seals WHERE position = 1",
        "seal 1 was removed",
    ),
    "a digest made to fit": (
        "UPDATE lm_consent_seals SET digest = sha256('x') WHERE position = 6",
        "seal 6 was altered",
    ),
    "a flipped bit of a chain hash": (
        "UPDATE lm_consent_seals"
        " SET chain_hash = set_bit(chain_hash, 9, 1 - get_bit(chain_hash, 9))"
        " WHERE position = 6",
        "seal 6 was altered",
    ),
    "an event added before others": (
        "INSERT INTO lm_consent_events (id, subscriber_id, type, gesture, occurred_at,"
        " recorded_at, salt, address_digest)"
        " OVERRIDING SYSTEM VALUE"
        " SELECT 0, subscriber_id, 'confirm', 'confirm_button', occurred_at,"
        " recorded_at - interval '1 hour', salt, address_digest"
        " FROM lm_consent_events WHERE id = 1",
        "event 0 was recorded more than 0:05:00 ago and has no seal",
    ),
    "a text": (
        "UPDATE lm_consent_texts SET text = text || '.'"
        " WHERE id = 'guide-mariee-sereine-delivery-fr-1'",
        "the text guide-mariee-sereine-delivery-fr-1 was altered",
    ),
    "a tombstone to excuse a removal": (
        "INSERT INTO lm_erasures (subscriber_id, erased_at, erased_by)"
        " SELECT subscriber_id, now(), 'person'"
        " FROM lm_consent_events WHERE id = 4; DELETE FROM lm_consent_events WHERE id = 4",
        "its subscriber was erased",
    ),
    "a tombstone of somebody else to excuse a removal": (
        "INSERT INTO lm_erasures (subscriber_id, erased_at, erased_by)"
        " VALUES (gen_random_uuid(), now(), 'person');"
        " DELETE FROM lm_consent_events WHERE id = 4",
        "event 4 (sealed as 4) was removed",
    ),
    "a tombstone and no subscriber, but events": (
        "INSERT INTO lm_erasures (subscriber_id, erased_at, erased_by)"
        " SELECT subscriber_id, now(), 'person'"
        " FROM lm_consent_events WHERE id = 4; DELETE FROM lm_subscribers WHERE id ="
        " (SELECT subscriber_id FROM lm_consent_events WHERE id = 4);"
        " DELETE FROM lm_consent_events WHERE id = 4",
        "its subscriber was erased",
    ),
}


@pytest.mark.parametrize(("statements", "named"), TAMPERING.values(), ids=TAMPERING.keys())
def test_what_a_superuser_changes_is_named(sealed, superuser, statements, named):
    for statement in statements.split(";"):
        superuser.execute(statement)
    assert any(named in fault for fault in sealed().faults)


def test_every_flipped_byte_of_an_event_is_named(sealed, superuser):
    for column in ("text_hash", "salt"):
        for byte in range(32):
            flip = f"set_byte({column}, {byte}, get_byte({column}, {byte}) # 1)"
            statement = f"UPDATE lm_consent_events SET {column} = {flip} WHERE id = 6"
            superuser.execute(statement)
            assert "event 6 (sealed as 6) was altered" in sealed().faults
            superuser.execute(statement)
    assert sealed().faults == []


def test_an_event_dated_back_is_named_even_after_it_was_sealed(
    sealed, superuser, services, database
):
    superuser.execute(
        "INSERT INTO lm_consent_events (subscriber_id, type, gesture, occurred_at, recorded_at,"
        " salt, address_digest)"
        " SELECT subscriber_id, 'confirm', 'confirm_button', occurred_at,"
        " recorded_at - interval '1 year', salt, address_digest"
        " FROM lm_consent_events WHERE id = 1"
    )
    seal(services)
    (fault,) = sealed().faults
    assert fault.startswith("seals 9 to 9 were made up to 36")
    assert "dated back" in fault


def test_without_the_key_the_chain_cannot_be_made_anew(sealed, superuser, services):
    superuser.execute("UPDATE lm_consent_events SET gesture = 'one_click' WHERE id = 2")
    superuser.execute("DELETE FROM lm_consent_seals")
    superuser.execute("DELETE FROM lm_seal_key")
    guessing = replace(services, config=replace(services.config, hash_key=b"guessed" * 5))
    while seal(guessing):
        pass
    assert sealed().faults[0] == "seal 1 was altered, or made with another key"


def test_with_the_key_it_can_and_a_published_head_tells(sealed, superuser, services, database):
    known = seals.head(services)
    superuser.execute("UPDATE lm_consent_events SET gesture = 'one_click' WHERE id = 2")
    superuser.execute("DELETE FROM lm_consent_seals")
    seal(services)
    assert sealed().faults == []
    report = ledger.verify(services, published=known)
    assert report.faults == ["seal 8 is not the one that was published: the chain was made anew"]


def test_an_end_cut_off_shows_by_the_head_in_the_logs(people, superuser, services, log_lines):
    seal(services)
    line = next(json.loads(each) for each in log_lines() if "ledger_sealed" in each)
    superuser.execute("DELETE FROM lm_consent_seals WHERE position = 8")
    superuser.execute("DELETE FROM lm_consent_events WHERE id = 8")
    superuser.execute("UPDATE lm_subscribers SET newsletter = false")
    assert ledger.verify(services).faults == []
    report = ledger.verify(
        services, published=Head.parse(f"{line['position']}:{line['chain_hash']}")
    )
    assert report.faults == ["seal 8 was removed: the chain once had 8"]


def test_an_erasure_is_no_removal_and_is_sealed_itself(sealed, services, database):
    bea = database.value("SELECT id FROM lm_subscribers WHERE email = 'bea@example.org'")
    assert erasures.erase(services, bea, by="person")
    assert sealed().faults == []
    assert seal(services) == 1
    report = sealed()
    assert (report.faults, report.events, report.erased) == ([], 4, 4)
    assert report.head.position == 9


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        ("DELETE FROM lm_erasures", "was removed"),
        (
            "UPDATE lm_erasures SET erased_at = erased_at - interval '1 day'",
            "erasure 1 (sealed as 9)",
        ),
        ("UPDATE lm_erasures SET erased_by = 'retention'", "erasure 1 (sealed as 9) was altered"),
    ],
)
def test_a_tombstone_is_sealed_too(sealed, services, superuser, database, statement, named):
    bea = database.value("SELECT id FROM lm_subscribers WHERE email = 'bea@example.org'")
    erasures.erase(services, bea, by="person")
    seal(services)
    superuser.execute(statement)
    assert any(named in fault for fault in sealed().faults)


def test_the_worker_seals(start, database, people, mailer, superuser):
    superuser.execute("UPDATE lm_consent_events SET recorded_at = recorded_at - interval '11 s'")
    worker = Worker(start(), mailer)
    thread = threading.Thread(target=worker.run)
    thread.start()
    try:
        for _ in range(100):
            if database.count("lm_consent_seals") == 8:
                break
            threading.Event().wait(0.1)
    finally:
        worker.stop()
        thread.join(5)
    assert database.count("lm_consent_seals") == 8


def test_the_commands_say_it_and_end_with_1_for_a_fault(sealed, superuser, leadmagnet):
    head = leadmagnet("ledger", "head").stdout.strip()
    assert head.startswith("8:")
    intact = leadmagnet("ledger", "verify", "--head", head)
    assert intact.returncode == 0, intact.stderr
    counts = (
        "8 events, 0 more of people who were erased since, 0 rows of the audit, 0 not sealed yet"
    )
    assert intact.stdout == f"intact: {counts}; head {head}\n"
    superuser.execute("DELETE FROM lm_consent_events WHERE id = 4")
    fault = leadmagnet("ledger", "verify")
    assert fault.returncode == 1
    assert fault.stderr.startswith("Fault: event 4 (sealed as 4) was removed\nError: 1 fault: ")
    assert leadmagnet("ledger", "verify", "--head", "x").returncode == 2
    assert leadmagnet("ledger", "seal").stdout == "nothing to seal\n"


def test_a_role_by_another_name_can_seal_and_erase(server, database, people):
    """Where the application's role is not lm_app, the grants follow the setting."""
    with psycopg.connect(server.url("postgres", "postgres"), autocommit=True) as admin:
        admin.execute("DROP ROLE IF EXISTS other_api")
        admin.execute("CREATE ROLE other_api")
    database.rows("SET leadmagnet.app_role = 'other_api'")
    database.owner.execute(path_of("sql/migrations/R__lm_grants.sql").read_bytes())
    assert database.value(
        "SELECT has_function_privilege('other_api', 'lm_erase(uuid, text, bytea, bytea)',"
        " 'EXECUTE')"
    )
    assert database.value(
        "SELECT has_function_privilege('other_api', 'lm_extend_chain(bytea, bigint, bigint[],"
        " bigint[], bigint[], bytea[], bytea[])', 'EXECUTE')"
    )
    assert not database.value(
        "SELECT has_function_privilege('pg_read_all_data', 'lm_erase(uuid, text, bytea, bytea)',"
        " 'EXECUTE')"
    )
    with psycopg.connect(server.url("postgres", database.name), autocommit=True) as admin:
        admin.execute("DROP OWNED BY other_api")
        admin.execute("DROP ROLE other_api")
