"""Sealing: never over a changed past, by nobody without the key, and of every row in the end."""

from __future__ import annotations

import json
import os
from datetime import timedelta

import psycopg
import pytest

from leadmagnet.consent import chain, ledger, seals
from leadmagnet.maintenance import Maintenance
from leadmagnet.rights import erasures
from tests.support.client import confirm, sign_up
from tests.support.settings import DELIVERY, NEWSLETTER

NOW = timedelta()
FORGERY = (
    "DELETE FROM lm_consent_seals WHERE position > 5;"
    "UPDATE lm_consent_events SET gesture = 'one_click' WHERE id = 7"
)
BACK = "recorded_at = recorded_at - interval"


def sealer(services):
    return seals.Sealer(services, settling_time=NOW)


def forge(superuser, statements=FORGERY):
    for statement in statements.split(";"):
        superuser.execute(statement)


@pytest.fixture
def people(client, mailbox):
    """Three who signed up; the second confirmed: eight events."""
    for name in ("ada", "bea", "cleo"):
        sign_up(client, f"{name}@example.org", consents=[DELIVERY, NEWSLETTER])
    confirm(client, mailbox.deliver().token("bea@example.org"))


def id_of(database, name):
    return database.value("SELECT id FROM lm_subscribers WHERE email = %s", f"{name}@example.org")


def refused(log_lines):
    lines = [json.loads(line) for line in log_lines() if "ledger_sealing_refused" in line]
    return [line["reason"] for line in lines]


def test_the_worker_does_not_seal_a_forgery_anew(people, services, superuser, log_lines):
    """The sealer that made the seals misses them."""
    worker = sealer(services)
    assert worker.seal() == 8
    forge(superuser)
    with pytest.raises(seals.SealingRefused, match="seal 8 was removed or made anew"):
        worker.seal()
    assert refused(log_lines) == ["seal 8 was removed or made anew"]


def test_after_a_restart_the_file_remembers(people, start, superuser, tmp_path, database):
    path = tmp_path / "kept" / "head"
    assert sealer(start(LEDGER_HEAD_FILE=str(path))).seal() == 8
    assert path.read_text() == f"{seals.head(start())}\n"
    forge(superuser)
    services = start(LEDGER_HEAD_FILE=str(path))
    with pytest.raises(seals.SealingRefused, match="seal 8 was removed"):
        sealer(services).seal()
    assert database.count("lm_consent_seals") == 5
    assert "seals 6 to 8 were removed: the chain once had 8" in ledger.verify(services).faults


def test_a_chain_made_anew_with_the_key_does_not_fit_the_file(people, start, superuser, tmp_path):
    services = start(LEDGER_HEAD_FILE=str(tmp_path / "head"))
    sealer(services).seal()
    forge(superuser)
    assert sealer(start()).seal() == 3
    with pytest.raises(seals.SealingRefused):
        sealer(services).seal()
    (fault,) = ledger.verify(services).faults
    assert fault == "seal 8 is not the one that was published: the chain was made anew"


def test_what_was_sealed_anew_much_later_shows_without_any_head(people, services, superuser):
    sealer(services).seal()
    forge(
        superuser,
        f"UPDATE lm_consent_events SET {BACK} '1 hour'; DELETE FROM lm_consent_seals",
    )
    sealer(services).seal()
    (fault,) = ledger.verify(services).faults
    assert fault.startswith("seals 1 to 8 were made up to 1:00:")
    # Whoever found that the worker stood still goes on from the head of then.
    assert ledger.verify(services, published=seals.head(services)).faults == []


@pytest.mark.parametrize("column", ["chain_hash", "digest"])
def test_nothing_is_put_behind_a_last_seal_that_is_not_ours(
    people, services, superuser, database, column
):
    sealer(services).seal()
    superuser.execute(f"UPDATE lm_consent_seals SET {column} = sha256('x') WHERE position = 8")
    erasures.erase(services, id_of(database, "ada"), by="operator")
    with pytest.raises(seals.SealingRefused, match="seal 8 was altered"):
        sealer(services).seal()
    assert database.count("lm_consent_seals") == 8


def test_a_file_that_holds_something_else_stops_sealing_and_says_so(people, start, tmp_path):
    (tmp_path / "head").write_text("8")
    with pytest.raises(seals.SealingRefused, match="LEDGER_HEAD_FILE holds something else"):
        sealer(start(LEDGER_HEAD_FILE=str(tmp_path / "head"))).seal()


def test_a_file_that_cannot_be_written_is_an_error_in_the_log(people, start, tmp_path, log_lines):
    # Where the new file would be written first there is a folder.
    services = start(LEDGER_HEAD_FILE=str(tmp_path / "head"))
    (tmp_path / f".head.{os.getpid()}").mkdir()
    assert sealer(services).seal() == 8
    assert any("ledger_head_not_kept" in line for line in log_lines())


def test_a_refusal_keeps_no_mail_from_going(people, services, superuser, log_lines):
    sealer(services).seal()
    superuser.execute("UPDATE lm_consent_seals SET digest = sha256('x') WHERE position = 8")
    Maintenance(services).run_due()
    assert refused(log_lines) == ["seal 8 was altered, or made with another key"]


def test_the_command_refuses_in_a_sentence(people, services, superuser, leadmagnet):
    sealer(services).seal()
    superuser.execute("UPDATE lm_consent_seals SET digest = sha256('x') WHERE position = 8")
    result = leadmagnet("ledger", "seal")
    assert result.returncode == 1
    assert "Error: seal 8 was altered, or made with another key: nothing is sealed" in result.stderr


def junk(url, position, event_id, proof=b"guessed"):
    with psycopg.connect(url, autocommit=True) as conn:
        return conn.execute(
            "SELECT lm_extend_chain(%s, %s, ARRAY[%s]::bigint[], ARRAY[NULL]::bigint[],"
            " ARRAY[NULL]::bigint[], ARRAY[sha256('x')], ARRAY[sha256('x')])",
            [proof, position, event_id],
        ).fetchone()


def unsubscribe(database, name):
    database.rows(
        "INSERT INTO lm_consent_events (subscriber_id, type, gesture)"
        " SELECT id, 'unsubscribe', 'one_click' FROM lm_subscribers WHERE email = %s",
        f"{name}@example.org",
    )


def test_the_applications_role_without_the_key_can_place_no_junk_seal(people, services, database):
    sealer(services).seal()
    unsubscribe(database, "ada")
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="takes the key"):
        junk(database.url, 9, 9)
    with (
        psycopg.connect(database.url, autocommit=True) as conn,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        conn.execute(
            "INSERT INTO lm_consent_seals SELECT 9223372036854775807, 99, NULL, NULL,"
            " subscriber_id, digest, chain_hash, now() FROM lm_consent_seals LIMIT 1"
        )
    assert sealer(services).seal() == 1


def test_even_with_the_key_only_the_next_position_of_an_existing_row_is_sealed(
    people, services, database
):
    sealer(services).seal()
    proof = chain.key_proof(services.config.hash_key)
    assert junk(database.url, 2**62, 9, proof) == (False,)
    with pytest.raises(psycopg.errors.CheckViolation):
        junk(database.url, 9, 99, proof)
    with pytest.raises(psycopg.errors.UniqueViolation):
        junk(database.url, 9, 8, proof)
    assert database.count("lm_consent_seals") == 8


def test_another_key_seals_nothing(people, services, start):
    sealer(services).seal()
    with pytest.raises(seals.SealingRefused, match="made with another key"):
        sealer(start(HASH_KEY="guessed" * 5)).seal()


def test_a_transaction_that_commits_late_gets_its_seal_and_is_no_forgery(
    people, services, server, database
):
    """An erasure and an event begin, others are made and sealed meanwhile, then these commit."""
    with psycopg.connect(server.url("lm_owner", database.name)) as slow:
        slow.execute("SELECT lm_erase(%s, 'operator', NULL, NULL)", [id_of(database, "ada")])
        slow.execute(
            "INSERT INTO lm_consent_events (subscriber_id, type, gesture)"
            " SELECT id, 'unsubscribe', 'one_click' FROM lm_subscribers WHERE email LIKE 'cleo%'"
        )
        unsubscribe(database, "cleo")
        erasures.erase(services, id_of(database, "bea"), by="person")
        assert sealer(services).seal() == 6
    assert ledger.verify(services).faults == []
    assert sealer(services).seal() == 2
    report = ledger.verify(services)
    assert (report.faults, report.waiting) == ([], 0)
    late = database.rows("SELECT event_id, erasure_id FROM lm_consent_seals WHERE position > 6")
    assert sorted(row["event_id"] or 0 for row in late) == [0, 9]


def test_the_command_seals_what_the_worker_no_longer_looks_for(
    people, services, superuser, leadmagnet
):
    due = {"settling_time": NOW, "clock_tolerance": NOW, "batch": 100}
    sealer(services).seal()
    superuser.execute("UPDATE lm_consent_seals SET event_id = 90000 WHERE event_id = 8")
    assert services.database.all("seal_due", reach=seals.REACH, **due) == []
    rows = services.database.all("seal_due", reach=seals.EVERYTHING, **due)
    assert [row["id"] for row in rows] == [8]


def test_a_clock_set_back_by_eight_seconds_breaks_nothing(people, services, superuser, database):
    """The first events were stamped before that, the later ones after it."""
    superuser.execute(
        "UPDATE lm_consent_events SET recorded_at = now() - interval '12 seconds'"
        " + CASE WHEN id <= 4 THEN interval '8 seconds' ELSE interval '0' END"
    )
    worker = seals.Sealer(services)
    assert worker.seal() == 0, "nothing is sealed past the first row that has not settled"
    superuser.execute(f"UPDATE lm_consent_events SET {BACK} '8 seconds'")
    assert worker.seal() == 8
    assert ledger.verify(services).faults == []
    assert database.rows("SELECT FROM lm_consent_seals WHERE event_id <> position") == []


def test_a_clock_a_day_ahead_does_not_stop_sealing(people, services, superuser):
    superuser.execute(
        "UPDATE lm_consent_events SET recorded_at = recorded_at"
        " + CASE WHEN id = 1 THEN interval '1 day' ELSE -interval '1 minute' END"
    )
    assert seals.Sealer(services).seal() == 8
    assert ledger.verify(services).faults == []


def test_the_form_of_bytea_and_the_time_zone_are_no_tampering(people, start, server, database):
    sealer(start()).seal()
    database.rows("SET bytea_output = 'escape'")
    database.rows("SET timezone = 'Asia/Kolkata'")
    facts = database.value("SELECT lm_facts(e) FROM lm_consent_events e WHERE id = 1")
    assert facts["salt"].startswith("\\x")
    assert facts["occurred_at"].endswith("+00:00")
    with psycopg.connect(server.url("postgres", "postgres"), autocommit=True) as admin:
        admin.execute(f"ALTER DATABASE {database.name} SET bytea_output = 'escape'")
    assert ledger.verify(start()).faults == []


UNPROVEN = {
    "an address": (
        "UPDATE lm_subscribers SET email = 'victim@example.org' WHERE email LIKE 'bea%'",
        "was recorded for another address",
    ),
    "the address of a policy": (
        "UPDATE lm_consent_texts SET policy_url = 'https://example.org/other'",
        "was altered, or its policy",
    ),
    "the version of a policy": (
        "UPDATE lm_consent_texts SET policy_version = '1999'",
        "was altered, or its policy",
    ),
    "the language of a wording": (
        "UPDATE lm_consent_texts SET locale = 'en', retired_at = now() WHERE id LIKE '%fr-1'",
        "was altered, or its policy",
    ),
    "a confirmation": (
        "UPDATE lm_subscribers SET status = 'confirmed', confirmed_at = now()"
        " WHERE email LIKE 'ada%'",
        "counts as confirmed, and no event says so",
    ),
    "a newsletter": (
        "DELETE FROM lm_consent_events WHERE type = 'confirm' AND purpose = 'newsletter'",
        "gets the newsletter, and no event says so",
    ),
    "a tombstone": (
        "INSERT INTO lm_erasures (subscriber_id, erased_at, erased_by)"
        " VALUES (gen_random_uuid(), now() - interval '1 month', 'person')",
        "erasure 1 was recorded more than 0:05:00 ago and has no seal",
    ),
}


@pytest.mark.parametrize(("statement", "named"), UNPROVEN.values(), ids=UNPROVEN.keys())
def test_what_no_event_proves_is_named(people, services, superuser, statement, named):
    sealer(services).seal()
    superuser.execute(statement)
    assert any(named in fault for fault in ledger.verify(services).faults)


def test_a_tombstone_dated_back_shows_after_its_seal(people, services, superuser):
    superuser.execute(
        "INSERT INTO lm_erasures (subscriber_id, erased_at, erased_by)"
        " VALUES (gen_random_uuid(), now() - interval '1 month', 'person')"
    )
    sealer(services).seal()
    (fault,) = ledger.verify(services).faults
    assert fault.startswith("seals 9 to 9 were made up to ")


def test_nobody_dates_a_tombstone(database, people):
    database.rows(
        "INSERT INTO lm_erasures (subscriber_id, erased_at, erased_by)"
        " VALUES (gen_random_uuid(), '1999-01-01', 'person')"
    )
    assert database.value("SELECT erased_at > now() - interval '1 minute' FROM lm_erasures")


def test_the_address_of_a_subscriber_never_changes(database, people):
    for column, value in (("email", "'victim@example.org'"), ("id", "gen_random_uuid()")):
        with pytest.raises(psycopg.errors.RestrictViolation):
            database.rows(f"UPDATE lm_subscribers SET {column} = {value} WHERE email LIKE 'ada%'")
    database.rows("UPDATE lm_subscribers SET email = email")


def test_somebody_erased_and_put_back_is_named(people, services, superuser, database):
    (row,) = database.rows("SELECT * FROM lm_subscribers WHERE email LIKE 'bea%%'")
    superuser.execute(
        "CREATE TEMP TABLE kept AS SELECT * FROM lm_consent_events WHERE subscriber_id = %s",
        [row["id"]],
    )
    sealer(services).seal()
    erasures.erase(services, row["id"], by="person")
    sealer(services).seal()
    superuser.execute(
        "INSERT INTO lm_subscribers (id, email, locale, asked_consents)"
        " VALUES (%s, %s, 'fr', '{}')",
        [row["id"], row["email"]],
    )
    superuser.execute("INSERT INTO lm_consent_events OVERRIDING SYSTEM VALUE SELECT * FROM kept")
    faults = ledger.verify(services).faults
    assert sum("although its subscriber was erased" in fault for fault in faults) == 4
    assert f"subscriber {row['id']} is there although erased" in faults[-1]


def test_verification_goes_on_after_a_fault_and_names_all(people, services, superuser):
    sealer(services).seal()
    forge(
        superuser,
        "UPDATE lm_consent_events SET gesture = 'one_click' WHERE id IN (2, 7);"
        "DELETE FROM lm_consent_events WHERE id = 3;"
        "DELETE FROM lm_consent_seals WHERE position = 5",
    )
    assert ledger.verify(services).faults == [
        "event 2 (sealed as 2) was altered",
        "event 3 (sealed as 3) was removed",
        "seal 5 was removed",
        "event 7 (sealed as 7) was altered",
    ]


def test_what_waits_too_long_for_its_seal_is_a_fault(people, services, superuser):
    superuser.execute("UPDATE lm_consent_events SET recorded_at = now() - interval '1 hour'")
    faults = ledger.verify(services).faults
    assert len(faults) == 8
    assert faults[0].startswith("event 1 was recorded more than 0:05:00 ago and has no seal")


def test_an_id_does_not_say_when_somebody_signed_up(people, database):
    versions = database.rows("SELECT uuid_extract_version(id) AS version FROM lm_subscribers")
    assert {row["version"] for row in versions} == {4}
