"""The mails that are stuck: shown with a cause that the owner understands, and let go."""

from __future__ import annotations

import pytest

from leadmagnet.mail import send_limiter
from tests.support.client import problem, sign_up


@pytest.fixture
def dead(client, database):
    """Two mails that were given up."""
    sign_up(client)
    sign_up(client, "grace@example.org")
    database.rows("UPDATE lm_outbox SET state = 'dead', attempts = 8, reason = 'connection_failed'")
    return [row["id"] for row in database.rows("SELECT id FROM lm_outbox ORDER BY id")]


def states(database):
    return [row["state"] for row in database.rows("SELECT state FROM lm_outbox ORDER BY id")]


def account(database):
    return database.rows("SELECT action, detail FROM lm_audit ORDER BY id")


def test_a_stuck_mail_has_a_cause_and_says_what_to_do_in_the_readers_language(viewer, dead):
    for language, word in (("fr", "répondu"), ("en", "answer")):
        answer = viewer.get("/mails", headers={"Accept-Language": language}).json
        assert answer["states"] == {"queued": 0, "sent": 0, "dead": 2}
        assert answer["sending"]["state"] == "sending" and answer["sending"]["cause"] is None
        assert [mail["id"] for mail in answer["items"]] == dead[::-1]
        for mail in answer["items"]:
            assert word in mail["cause"] and mail["whatToDo"].endswith(".")
            assert mail["reason"] == "connection_failed" and mail["subscriberId"]
        assert "@" not in str(answer)


def test_what_was_sent_is_counted_for_30_days(viewer, dead, database):
    for id, days in zip(dead, (29, 31), strict=True):
        database.rows(
            "UPDATE lm_outbox SET state = 'sent', reason = NULL,"
            " sent_at = now() - %s * interval '1 day' WHERE id = %s",
            days,
            id,
        )
    assert viewer.get("/mails").json["states"] == {"queued": 0, "sent": 1, "dead": 0}


@pytest.mark.parametrize(
    ("change", "state", "cause"),
    [
        ("hold_reason = 'operator'", "held", "Somebody has stopped sending."),
        ("hold_reason = 'bounces'", "held", "Too many of the latest addresses do not exist."),
        ("hold_reason = 'database_copied'", "held", "This database is a copy"),
        ("pause_reason = 'SendingPausedException'", "paused", "Amazon has suspended sending"),
        ("pause_reason = 'credentials'", "paused", "Amazon SES refuses the server’s access."),
        ("pause_reason = 'NewException'", "paused", "Amazon SES did not answer as expected."),
        ("throttles = 3", "throttled", "Amazon SES asks to slow down."),
    ],
)
def test_why_nothing_goes_is_said_in_words(viewer, database, change, state, cause):
    database.rows(f"UPDATE lm_send_limiter SET {change}")
    sending = viewer.get("/mails", headers={"Accept-Language": "en"}).json["sending"]
    assert sending["state"] == state
    assert sending["cause"].startswith(cause) and sending["whatToDo"]
    assert (sending["waitSeconds"] is None) == (state == "held")


def test_dead_mails_are_retried_by_id_or_all_and_the_account_says_how_many(owner, database, dead):
    assert owner.post("/mails/retry", {"ids": [dead[0], 999]}).json == {"mails": 1}
    assert states(database) == ["queued", "dead"]
    assert owner.post("/mails/retry", {"all": True}).json == {"mails": 1}
    assert owner.post("/mails/retry", {"all": True}).json == {"mails": 0}
    assert states(database) == ["queued", "queued"]
    assert account(database) == [
        {"action": "mails:retry", "detail": {"mails": 1, "all": False}},
        {"action": "mails:retry", "detail": {"mails": 1, "all": True}},
        {"action": "mails:retry", "detail": {"mails": 0, "all": True}},
    ]


NO_RETRIES = [
    {},
    {"ids": []},
    {"all": False},
    {"ids": [1], "all": True},
    {"ids": ["1"]},
    {"ids": [0]},
    {"ids": [2**63]},
    {"ids": list(range(1, 202))},
    {"ids": None},
    {"all": "true"},
]


def test_a_retry_of_nothing_is_refused(owner, database, dead, subtests):
    for body in NO_RETRIES:
        with subtests.test(str(body)):
            assert problem(owner.post("/mails/retry", body))[0] == 422
            assert states(database) == ["dead", "dead"]
            assert account(database) == []


def test_what_was_held_goes_again(owner, viewer, services, database):
    send_limiter.hold(services)
    assert problem(viewer.post("/mails/resume")) == (403, "role_missing")
    for _ in range(2):
        assert owner.post("/mails/resume").json == {"mails": 0}
    assert viewer.get("/mails").json["sending"]["state"] == "sending"
    assert [act["action"] for act in account(database)] == [
        "mails:resume", "mails:resume", "mails:resume",
    ]  # fmt: skip
