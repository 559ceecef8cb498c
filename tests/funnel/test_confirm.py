"""The click of the button: one effect, a repeatable answer, and looking changes nothing."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime
from urllib.parse import parse_qs, urlsplit

import pytest

from leadmagnet.adapters.s3 import Files
from leadmagnet.errors import FileUnavailable
from tests.support.client import client_of, confirm, problem, sign_up
from tests.support.settings import API, DELIVERY, NEWSLETTER


@pytest.fixture
def token(client, mailbox):
    sign_up(client)
    return mailbox.deliver().token()


def event_types(database):
    return [row["type"] for row in database.rows("SELECT type FROM lm_consent_events ORDER BY id")]


def test_a_press_confirms_and_gives_the_file(client, database, token):
    answer = confirm(client, token)
    assert answer.status_code == 200
    assert answer.json["status"] == "confirmed"
    assert answer.json["fileName"] == "Guide de la Mariée Sereine.pdf"
    assert database.value("SELECT status FROM lm_subscribers") == "confirmed"
    assert event_types(database) == ["signup", "confirm"]


def test_the_url_is_the_buckets_own_signed_for_a_quarter_of_an_hour(client, database, token):
    answer = confirm(client, token)
    url = urlsplit(answer.json["downloadUrl"])
    query = parse_qs(url.query)
    assert url.netloc == "leadmagnet-guides.s3.eu-west-3.amazonaws.com"
    assert query["X-Amz-Algorithm"] == ["AWS4-HMAC-SHA256"]
    assert query["X-Amz-Expires"] == ["900"]
    (disposition,) = query["response-content-disposition"]
    assert disposition.startswith("attachment; filename=")
    assert disposition.endswith("filename*=UTF-8''Guide%20de%20la%20Mari%C3%A9e%20Sereine.pdf")
    expires = datetime.fromisoformat(answer.json["expiresAt"])
    assert database.value("SELECT %s::timestamptz - now() <= '15 minutes'::interval", expires)


def test_a_second_press_is_a_success_without_a_second_effect(client, database, token):
    confirm(client, token)
    answer = confirm(client, token)
    assert (answer.status_code, answer.json["status"]) == (200, "already_confirmed")
    assert answer.json["downloadUrl"].startswith("https://")
    assert event_types(database) == ["signup", "confirm"]
    assert database.value("SELECT use_count FROM lm_download_tokens") == 2


def test_twenty_clicks_at_once_are_one_confirmation_and_twenty_answers(client, database, token):
    with ThreadPoolExecutor(20) as pool:
        clicks = pool.map(lambda _: confirm(client.application.test_client(), token), range(20))
        answers = list(clicks)
    assert [answer.status_code for answer in answers] == [200] * 20
    statuses = sorted(answer.json["status"] for answer in answers)
    assert statuses == ["already_confirmed"] * 19 + ["confirmed"]
    assert event_types(database) == ["signup", "confirm"]
    assert database.value("SELECT use_count FROM lm_download_tokens") == 20


def test_every_purpose_agreed_to_is_confirmed_by_an_event_of_its_own(client, database, mailbox):
    sign_up(client, consents=[DELIVERY, NEWSLETTER])
    confirm(client, mailbox.deliver().token())
    rows = database.rows("SELECT purpose FROM lm_consent_events WHERE type = 'confirm' ORDER BY 1")
    assert [row["purpose"] for row in rows] == ["delivery", "newsletter"]
    assert database.value("SELECT newsletter FROM lm_subscribers") is True


def test_a_link_confirms_what_was_agreed_to_for_it_and_no_more(client, database, mailbox):
    sign_up(client)
    hers = mailbox.deliver().token()
    sign_up(client, consents=[DELIVERY, NEWSLETTER])  # somebody else, with her address
    mailbox.deliver()
    confirm(client, hers)
    assert database.value("SELECT newsletter FROM lm_subscribers") is False


@pytest.mark.parametrize(
    ("margin", "expected"), [("-1 second", (410, "token_expired")), ("30 seconds", None)]
)
def test_a_link_works_until_the_databases_clock_says_otherwise(
    client, database, token, margin, expected
):
    database.rows("UPDATE lm_download_tokens SET expires_at = now() + %s::interval", margin)
    answer = confirm(client, token)
    assert (problem(answer) if expected else None) == expected
    assert database.value("SELECT status FROM lm_subscribers") == (
        "pending" if expected else "confirmed"
    )


def test_a_link_lives_48_hours_from_its_sending(client, database, token):
    life = database.value("SELECT expires_at - created_at FROM lm_download_tokens")
    assert life.total_seconds() == 48 * 3600


def test_no_table_holds_a_token(client, database, token):
    dump = database.rows(
        "SELECT t::text FROM lm_download_tokens t UNION ALL SELECT o::text FROM lm_outbox o"
    )
    assert not any(token in row["t"] for row in dump)


@pytest.mark.parametrize(
    "forged",
    [
        "Jd4dYg3mQ0m1r9o0m8n3X2v5b7c9A1s3D5f7G9h1J3k",
        "x",
        "é",
        "' OR 1=1 --",
        "../../confirm",
        "a" * 500,
    ],
)
def test_an_unknown_token_is_a_404(client, forged):
    assert problem(confirm(client, forged)) == (404, "token_unknown")
    assert problem(client.get(f"{API}/confirm/{forged.replace('/', '')}")) == (404, "token_unknown")


def test_a_token_with_another_case_or_bit_is_unknown(client, token):
    for forged in (
        token.swapcase(),
        token[:-1],
        token + "A",
        ("B" if token[0] == "A" else "A") + token[1:],
    ):
        assert problem(confirm(client, forged)) == (404, "token_unknown")


def test_an_unsubscribe_token_confirms_nothing(client, database, token, mailbox):
    assert problem(confirm(client, mailbox.unsubscribe_token())) == (404, "token_unknown")
    assert database.value("SELECT status FROM lm_subscribers") == "pending"


def test_a_link_used_too_often_says_so(start, mailbox):
    client = client_of(start(TOKEN_USES="2"))
    sign_up(client)
    token = mailbox.deliver().token()
    assert [confirm(client, token).status_code for _ in range(2)] == [200, 200]
    assert problem(confirm(client, token)) == (429, "token_used_up")


def test_after_an_erasure_the_link_is_unknown_and_nothing_comes_back(client, database, token):
    database.rows("DELETE FROM lm_subscribers")
    assert problem(confirm(client, token)) == (404, "token_unknown")
    assert problem(client.get(f"{API}/confirm/{token}")) == (404, "token_unknown")
    assert database.count("lm_subscribers") == database.count("lm_consent_events") == 0


def test_a_complaint_is_never_lifted(client, database, token):
    database.rows("UPDATE lm_subscribers SET status = 'complained', status_at = now()")
    assert problem(confirm(client, token)) == (410, "token_expired")
    assert database.value("SELECT status FROM lm_subscribers") == "complained"


def test_a_press_lifts_a_bounce_because_the_mail_did_arrive(client, database, token):
    database.rows("UPDATE lm_subscribers SET status = 'bounced', status_at = now()")
    assert confirm(client, token).json["status"] == "confirmed"
    assert database.value("SELECT status FROM lm_subscribers") == "confirmed"


def test_who_said_it_was_not_her_is_not_confirmed_by_the_old_link(client, database, token, mailbox):
    client.post(f"{API}/unsubscribe/{mailbox.unsubscribe_token()}")
    assert client.get(f"{API}/confirm/{token}").json["status"] == "not_me"
    assert problem(confirm(client, token)) == (410, "token_expired")
    assert database.value("SELECT status FROM lm_subscribers") == "unsubscribed"
    database.rows("UPDATE lm_subscribers SET not_me_at = now() - interval '181 days'")
    assert client.get(f"{API}/confirm/{token}").json["status"] == "expired"


def test_leaving_takes_nothing_of_the_right_to_the_file(client, database, token, mailbox):
    confirm(client, token)
    client.post(f"{API}/unsubscribe/{mailbox.unsubscribe_token()}")
    answer = confirm(client, token)
    assert (answer.status_code, answer.json["status"]) == (200, "already_confirmed")
    assert database.value("SELECT status FROM lm_subscribers") == "unsubscribed"


def test_looking_at_a_link_says_what_it_would_do_and_changes_nothing(client, database, token):
    before = database.checksum()
    for method in ("GET", "HEAD", "OPTIONS", "GET"):
        assert client.open(f"{API}/confirm/{token}", method=method).status_code == 200
    assert database.checksum() == before
    described = client.get(f"{API}/confirm/{token}").json
    expires_at = datetime.fromisoformat(described.pop("expiresAt"))
    assert expires_at == database.value("SELECT expires_at FROM lm_download_tokens")
    assert described == {
        "status": "pending",
        "magnet": {
            "slug": "guide-mariee-sereine",
            "title": "Guide de la Mariée Sereine",
            "fileName": "Guide de la Mariée Sereine.pdf",
        },
        "email": "a•••@e•••.org",
        "purposes": ["delivery"],
        "locale": "fr",
    }


def test_looking_tells_pending_confirmed_and_expired_apart(client, database, token):
    looks = [client.get(f"{API}/confirm/{token}").json["status"]]
    confirm(client, token)
    looks.append(client.get(f"{API}/confirm/{token}").json["status"])
    database.rows("UPDATE lm_download_tokens SET expires_at = now()")
    looks.append(client.get(f"{API}/confirm/{token}").json["status"])
    assert looks == ["pending", "confirmed", "expired"]


def test_no_get_confirms(client, database, token):
    assert client.get(f"{API}/confirm?token={token}").status_code == 405
    assert database.value("SELECT status FROM lm_subscribers") == "pending"


def test_what_is_added_to_the_address_of_the_call_is_ignored(client, token):
    answer = client.post(
        f"{API}/confirm?download=../../x&filename=evil.exe&token=x", json={"token": token}
    )
    assert "evil" not in answer.text


def test_an_answer_with_a_url_is_never_cached(client, token):
    answer = confirm(client, token)
    assert answer.headers["Cache-Control"] == "no-store"
    assert "ETag" not in answer.headers


def test_no_header_of_an_answer_holds_a_token(client, token):
    for answer in (confirm(client, token), client.get(f"{API}/confirm/{token}")):
        assert token not in str(answer.headers)


class Unsigned(Files):
    """Files whose credentials are gone."""

    def __init__(self):
        pass

    def sign_url(self, key, file_name):
        raise FileUnavailable


def test_when_no_url_can_be_signed_the_confirmation_stands_and_no_use_is_counted(
    services, database, mailbox
):
    client = client_of(replace(services, files=Unsigned()))
    sign_up(client)
    token = mailbox.deliver().token()
    assert problem(confirm(client, token)) == (503, "file_unavailable")
    assert database.value("SELECT status FROM lm_subscribers") == "confirmed"
    assert database.value("SELECT use_count FROM lm_download_tokens") == 0
    assert database.count("lm_downloads") == 0
    for _ in range(2):
        assert confirm(client_of(services), token).json["status"] == "already_confirmed"
    assert problem(confirm(client, token)) == (503, "file_unavailable")
    assert database.rows("SELECT times FROM lm_downloads") == [{"times": 2}]


def test_without_credentials_no_url_is_signed(client, token, monkeypatch, tmp_path):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    files = Files("bucket", url_life=client.application.extensions["leadmagnet"].config.token_hours)
    with pytest.raises(FileUnavailable):
        files.sign_url("key", "name")


def test_a_file_that_is_not_in_the_bucket_is_a_503_until_it_is(client, database, token):
    database.rows("UPDATE lm_magnets SET file_missing_since = now()")
    assert problem(confirm(client, token)) == (503, "file_unavailable")
    assert database.value("SELECT status FROM lm_subscribers") == "confirmed"
    assert database.value("SELECT use_count FROM lm_download_tokens") == 0
    assert database.count("lm_downloads") == 0
    database.rows("UPDATE lm_magnets SET file_missing_since = NULL")
    assert confirm(client, token).status_code == 200


@pytest.mark.parametrize("expired", [False, True])
def test_any_link_gets_its_owner_a_fresh_one_by_mail(client, database, token, mailbox, expired):
    database.rows("UPDATE lm_subscribers SET asked_at = asked_at - interval '1 day'")
    if expired:
        database.rows("UPDATE lm_download_tokens SET expires_at = now()")
    answer = client.post(f"{API}/links/renew", json={"token": token})
    assert answer.status_code == 202
    fresh = mailbox.deliver().token()
    assert fresh != token
    assert confirm(client, fresh).json["status"] == "confirmed"
    assert event_types(database) == ["signup", "resend", "confirm"]


def test_renewing_waits_for_the_cool_down_and_never_says_so(client, database, token):
    answers = [client.post(f"{API}/links/renew", json={"token": t}) for t in (token, "unknown")]
    assert [answer.status_code for answer in answers] == [202, 202]
    assert answers[0].data == answers[1].data
    assert database.count("lm_outbox") == 1


def test_twenty_renewals_at_once_are_one_mail(client, database, token):
    database.rows("UPDATE lm_subscribers SET asked_at = asked_at - interval '1 day'")
    with ThreadPoolExecutor(20) as pool:
        renew = lambda _: client.application.test_client().post(
            f"{API}/links/renew", json={"token": token}
        )
        assert {answer.status_code for answer in pool.map(renew, range(20))} == {202}
    assert database.count("lm_outbox") == 2


def test_nobody_who_complained_is_written_to_for_a_renewal(client, database, token):
    database.rows(
        "UPDATE lm_subscribers SET status = 'complained', asked_at = asked_at - interval '1 day'"
    )
    assert client.post(f"{API}/links/renew", json={"token": token}).status_code == 202
    assert database.count("lm_outbox") == 1


def test_confirming_while_leaving_ends_in_one_of_the_two_orders(client, database, mailbox):
    for number in range(20):
        email = f"ada{number}@example.org"
        sign_up(client, email)
        mailbox.deliver()
        token, leave = mailbox.token(email), mailbox.unsubscribe_token(email)
        with ThreadPoolExecutor(2) as pool:
            app = client.application
            clicked = pool.submit(confirm, app.test_client(), token)
            left = pool.submit(app.test_client().post, f"{API}/unsubscribe/{leave}")
        assert left.result().status_code == 200
        assert clicked.result().status_code in (200, 410)
    assert database.rows("SELECT DISTINCT status FROM lm_subscribers") == [
        {"status": "unsubscribed"}
    ]


def test_clicks_at_once_never_use_a_link_more_often_than_it_may_be(start, mailbox, database):
    client = client_of(start(TOKEN_USES="5"))
    sign_up(client)
    token = mailbox.deliver().token()
    with ThreadPoolExecutor(20) as pool:
        clicks = pool.map(lambda _: confirm(client.application.test_client(), token), range(20))
        statuses = sorted(answer.status_code for answer in clicks)
    assert statuses == [200] * 5 + [429] * 15
    assert database.value("SELECT use_count FROM lm_download_tokens") == 5


def test_the_answer_says_whether_they_get_the_newsletter_now(client, database, mailbox):
    sign_up(client, consents=[DELIVERY, NEWSLETTER])
    assert confirm(client, mailbox.deliver().token()).json["newsletter"] is True
    # A later request without it takes nothing away.
    database.rows("UPDATE lm_subscribers SET asked_at = asked_at - interval '1 day'")
    sign_up(client)
    again = mailbox.deliver().token()
    assert confirm(client, again).json["newsletter"] is True
    client.post(f"{API}/unsubscribe/{mailbox.unsubscribe_token()}", json={"purpose": "newsletter"})
    assert confirm(client, again).json["newsletter"] is False


def test_an_old_link_does_not_bring_back_a_newsletter_that_was_ended(client, database, mailbox):
    sign_up(client, consents=[DELIVERY, NEWSLETTER])
    token = mailbox.deliver().token()
    confirm(client, token)
    client.post(f"{API}/unsubscribe/{mailbox.unsubscribe_token()}", json={"purpose": "newsletter"})
    assert confirm(client, token).json["status"] == "already_confirmed"
    assert database.value("SELECT newsletter FROM lm_subscribers") is False


def test_a_press_after_a_bounce_takes_no_newsletter_away(client, database, mailbox):
    sign_up(client, consents=[DELIVERY, NEWSLETTER])
    confirm(client, mailbox.deliver().token())
    database.rows("UPDATE lm_outbox SET consents = %s", [DELIVERY])
    database.rows("UPDATE lm_subscribers SET status = 'bounced'")
    confirm(client, mailbox.token())
    assert database.rows("SELECT status, newsletter FROM lm_subscribers") == [
        {"status": "confirmed", "newsletter": True}
    ]
