"""What an operator got wrong is said in one sentence by every command, never as a traceback."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import psycopg
import pytest

from leadmagnet.database.reasons import why


@pytest.mark.parametrize("command", ["mails", "ledger verify", "purge", "erasures list"])
def test_an_unmigrated_database_is_one_sentence(server, leadmagnet, command):
    url = server.url("lm_app", "postgres")
    said = leadmagnet(*command.split(), DATABASE_URL=url)
    assert said.returncode == 1
    assert "is missing" in said.stderr
    assert "run `leadmagnet migrate`" in said.stderr
    assert "Traceback" not in said.stderr


@pytest.mark.parametrize(
    ("command", "remedy"),
    [("mails", "with APP_ROLE set to the role of DATABASE_URL"), ("texts list", "be the owner")],
)
def test_a_missing_grant_is_one_sentence(database, leadmagnet, server, command, remedy):
    database.rows("REVOKE ALL ON lm_outbox, lm_consent_texts FROM lm_app")
    said = leadmagnet(*command.split(), MIGRATION_DATABASE_URL=database.url)
    assert said.returncode == 1
    assert "permission denied for table" in said.stderr
    assert remedy in said.stderr
    assert "Traceback" not in said.stderr


def test_nothing_stands_beside_the_sentence():
    """In a process of its own: in the tests' the log is configured."""
    settings = {"MIGRATION_DATABASE_URL": "postgresql://a:b@127.0.0.1:9/x"}
    ran = subprocess.run(
        [sys.executable, "-m", "leadmagnet", "texts", "list"],
        env={"PATH": os.environ["PATH"], **settings},
        capture_output=True,
        text=True,
    )
    assert ran.stderr.startswith(
        "Error: nothing listens at the host and port in MIGRATION_DATABASE"
    )
    assert ran.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        ("postgresql://lm_app:{password}@127.0.0.1:{port}/nowhere", "no database nowhere"),
        (
            "postgresql://lm_app:wrong@127.0.0.1:{port}/leadmagnet",
            "no role lm_app with this",
        ),
        ("postgresql://lm_app:x@127.0.0.1:9/leadmagnet", "nothing listens"),
        ("postgresql://lm_app:x@nowhere.invalid/leadmagnet", "the host in DATABASE_URL"),
    ],
)
def test_a_wrong_address_is_one_sentence_that_says_what_is_wrong(
    server, leadmagnet, monkeypatch, address, sentence
):
    monkeypatch.setattr("leadmagnet.database.POOL_SECONDS", 0.3)
    password = psycopg.conninfo.conninfo_to_dict(server.url("lm_app", "x"))["password"]
    said = leadmagnet("mails", DATABASE_URL=address.format(password=password, port=server.port))
    assert said.returncode == 1
    assert sentence in said.stderr
    assert "Traceback" not in said.stderr
    assert password not in said.stderr


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        ("mails retry 0", "0 is not in the range"),
        (f"requests retry {2**63}", "is not in the range"),
        ("mails --failures -1", "-1 is not in the range"),
        ("mails flood --limit -1", "-1 is not in the range"),
        ("requests --failures 1001", "1001 is not in the range"),
        ("keys revoke \udcff", "a value is not UTF-8 text"),
        ("texts retire \udcff", "a value is not UTF-8 text"),
        (f"mails retry {2**62}", "none of them is dead"),
    ],
)
def test_a_value_that_cannot_be_is_one_sentence(leadmagnet, command, sentence):
    said = leadmagnet(*command.split())
    assert said.returncode in (1, 2)
    assert sentence in said.stderr
    assert "Traceback" not in said.stderr


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        ("mails preview confirm --to {folder}", "confirm.fr.html cannot be written: Is a dir"),
        ("openapi --output {folder}/nowhere/x", "nowhere/x': No such file or directory"),
    ],
)
def test_what_cannot_be_written_is_one_sentence(leadmagnet, tmp_path, command, sentence):
    (tmp_path / "confirm.fr.html").mkdir()
    said = leadmagnet(*command.format(folder=tmp_path).split())
    assert said.returncode == 1
    assert sentence in said.stderr


ENDED = {
    "event": "subscriber_unsubscribed",
    "at": "2026-11-28T03:00:00.000+00:00",
    "subscriber_id": "6f1c7f0e-0f5e-4b55-9a51-000000000001",
}


@pytest.mark.parametrize(
    ("log", "sentence"),
    [
        (b"\x1f\x8b\x08", "<stdin> is not UTF-8 text; unpack it first"),
        (b"", "<stdin> holds no line of the API's or the worker's log; nothing was repeated"),
        (b"Some words.\n", "<stdin> holds no line of the API's"),
        (b'{"receipt": {}}\n', "<stdin> holds no line of the API's"),
        (b'{"at":' * 99_999, "<stdin> holds no line of the API's"),
        (json.dumps(ENDED)[:-9].encode(), "line 1: this subscriber_unsubscribed"),
        ({"log": json.dumps(ENDED), "stream": "stdout"}, "line 2: this subscriber_unsubscribed"),
        (
            {key: value for key, value in ENDED.items() if key != "at"},
            "<stdin>, line 2: this subscriber_unsubscribed",
        ),
        ({**ENDED, "at": "2026-11-28T03:00:00"}, "line 2: this"),
        ({**ENDED, "at": 3}, "line 2: this"),
        ({**ENDED, "subscriber_id": "ada"}, "line 2: this"),
        ({**ENDED, "subscriber_id": None}, "line 2: this"),
        ({**ENDED, "event": "subscriber_status_lowered"}, "line 2: this subscriber_status_lowered"),
        (
            {**ENDED, "event": "subscriber_status_lowered", "status": "odd"},
            "line 2: this subscriber_status_lowered",
        ),
    ],
)
def test_a_log_that_cannot_be_replayed_is_one_sentence(leadmagnet, log, sentence):
    text = log if isinstance(log, bytes) else f"a start\n{json.dumps(log)}\n".encode()
    said = leadmagnet(
        *["replay", "--since", "2026-11-28", "-"], stdin=text.decode("utf-8", "surrogateescape")
    )
    assert said.returncode == 1
    assert sentence in said.stderr


@pytest.mark.parametrize(
    ("said", "word"),
    [
        ('FATAL:  role "nobody" does not exist', "role_unknown"),
        ("FATAL:  unsupported startup parameter: options", "pooler_refuses"),
        ("FATAL:  sorry, too many clients already", "too_many_connections"),
        ("connection timeout expired", "unreachable"),
        ("FATAL:  the database system is starting up", "restarting"),
        ("something new", "OperationalError"),
    ],
)
def test_what_postgresql_says_has_a_word(said, word):
    assert why(psycopg.OperationalError(said)).word == word
