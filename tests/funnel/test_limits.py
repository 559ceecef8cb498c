"""Limits: exact under parallel load, silent where they must be, and never in a real link's way."""

from __future__ import annotations

import hmac
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import psycopg
import pytest

from leadmagnet import hashes
from leadmagnet.database import Database
from leadmagnet.errors import TooManySignups, Unavailable
from leadmagnet.funnel import limits, requests
from tests.support.client import client_of, confirm, problem, sign_up
from tests.support.services import configured
from tests.support.settings import ADA, API, DELIVERY, NEWSLETTER
from tests.support.settling import settle

UNKNOWN = "Jd4dYg3mQ0m1r9o0m8n3X2v5b7c9A1s3D5f7G9h1J3k"


def from_ip(client, ip, email=ADA, **body):
    return client.post(
        f"{API}/signup",
        json={"email": email, "consents": [DELIVERY], **body},
        headers={"X-Forwarded-For": ip},
    )


@pytest.fixture
def narrow(start):
    return client_of(start(SIGNUPS_PER_HOUR="3", TRUSTED_PROXIES="1"))


def outcomes(database):
    rows = database.rows("SELECT outcome, n::int FROM lm_request_outcomes WHERE kind = 'signup'")
    return {row["outcome"]: row["n"] for row in rows}


def ask_again(database):
    database.rows("UPDATE lm_subscribers SET asked_at = asked_at - interval '1 day'")


# By network


def test_a_network_over_its_limit_is_told_when_to_come_back_and_nothing_is_written(
    narrow, database
):
    for number in range(3):
        assert from_ip(narrow, "203.0.113.7", f"ada{number}@example.org").status_code == 202
    before = database.checksum()
    answer = from_ip(narrow, "203.0.113.7", "late@example.org")
    assert problem(answer) == (429, "signup_limit")
    assert 3590 <= int(answer.headers["Retry-After"]) <= 3600
    assert answer.headers["RateLimit-Policy"] == '"signup";q=3;w=3600'
    assert answer.headers["RateLimit"] == f'"signup";r=0;t={answer.headers["Retry-After"]}'
    assert database.checksum() == before
    assert from_ip(narrow, "203.0.113.8", "late@example.org").status_code == 202


def test_trying_on_prolongs_nothing_and_the_end_of_the_window_opens(narrow, database):
    for number in range(3):
        from_ip(narrow, "203.0.113.7", f"ada{number}@example.org")
    ends = database.value("SELECT min(ends_at) FROM lm_signup_limits WHERE n = 3")
    for _ in range(5):
        assert from_ip(narrow, "203.0.113.7", "late@example.org").status_code == 429
    assert database.value("SELECT min(ends_at) FROM lm_signup_limits WHERE n = 3") == ends
    database.rows("UPDATE lm_signup_limits SET ends_at = now()")
    assert from_ip(narrow, "203.0.113.7", "late@example.org").status_code == 202


def test_what_is_refused_for_its_content_is_not_counted(narrow):
    for _ in range(5):
        assert from_ip(narrow, "203.0.113.7", "nobody").status_code == 422
        assert from_ip(narrow, "203.0.113.7", consents=["unknown"]).status_code == 422
    assert from_ip(narrow, "203.0.113.7").status_code == 202


@pytest.mark.parametrize("body", [{"website": "x"}, {}])
def test_bots_and_known_addresses_count_like_anybody(narrow, body):
    for _ in range(3):
        assert from_ip(narrow, "203.0.113.7", **body).status_code == 202
    assert from_ip(narrow, "203.0.113.7", **body).status_code == 429


def test_one_home_is_one_network_however_many_addresses_it_has(narrow):
    answers = [from_ip(narrow, f"2001:db8:1:2:{n:x}::{n:x}", f"a{n}@example.org") for n in range(9)]
    assert [answer.status_code for answer in answers] == [202] * 3 + [429] * 6
    assert from_ip(narrow, "2001:db8:1:3::1", "b@example.org").status_code == 202


@pytest.mark.parametrize(
    ("network", "share"),
    [
        # Another /64 of one /56 each time, another /56 of one /48, another address of one /24.
        ("2001:db8:1:{n:x}::1", 4),
        ("2001:db8:1:{n:x}00::1", 16),
        ("203.0.113.{n}", 16),
    ],
)
def test_a_wider_network_has_the_share_of_several_clients_and_no_more(start, network, share):
    client = client_of(start(SIGNUPS_PER_HOUR="1", TRUSTED_PROXIES="1"))
    answers = [
        from_ip(client, network.format(n=n), f"a{n}@example.org").status_code
        for n in range(share + 2)
    ]
    assert answers == [202] * share + [429] * 2
    for elsewhere in ("2001:db8:2::1", "203.0.114.1"):
        assert from_ip(client, elsewhere, f"b{elsewhere[-1]}@example.org").status_code == 202


@pytest.mark.parametrize(
    "form", ["2002:cb00:7107:{n:x}::1", "64:ff9b::cb00:7107", "64:ff9b:1::cb00:7107"]
)
def test_an_ipv4_address_in_the_form_of_an_ipv6_one_is_itself(narrow, form):
    """6to4 and NAT64: it gives no fresh count, and not all behind one gateway are one network."""
    for number in range(2):
        assert from_ip(narrow, form.format(n=number), f"a{number}@example.org").status_code == 202
    assert from_ip(narrow, "203.0.113.7", "b@example.org").status_code == 202
    assert from_ip(narrow, form.format(n=9), "c@example.org").status_code == 429
    neighbour = form.format(n=9).replace("7107", "7108")
    assert from_ip(narrow, neighbour, "d@example.org").status_code == 202


@pytest.mark.parametrize(
    "header", ["9.9.9.{n}, 203.0.113.7", "x{n}, 203.0.113.7", "203.0.113.7", "::ffff:203.0.113.7"]
)
def test_a_thousand_spoofed_headers_are_one_network(narrow, header):
    answers = [
        from_ip(narrow, header.format(n=n), f"a{n}@example.org").status_code for n in range(6)
    ]
    assert answers == [202] * 3 + [429] * 3


@pytest.mark.parametrize("header", ["nonsense{n}", "999.1.1.{n}", "1.2.3.4:{n}", "[::1]:{n}"])
def test_what_is_no_address_is_one_network_too(narrow, header):
    answers = [
        from_ip(narrow, header.format(n=n), f"a{n}@example.org").status_code for n in range(6)
    ]
    assert answers == [202] * 3 + [429] * 3


def test_without_proxies_of_ours_no_header_is_believed(start):
    client = client_of(start(SIGNUPS_PER_HOUR="3"))
    answers = [from_ip(client, f"9.9.9.{n}", f"a{n}@example.org").status_code for n in range(6)]
    assert answers == [202] * 3 + [429] * 3


def signups(services, ips, emails, *, threads=4):
    """The use case itself, from many threads: who got in."""

    def one(number):
        try:
            requests.sign_up(
                services,
                email=emails[number % len(emails)],
                # Agreeing to something else each time is no repetition that a cool-down stops.
                consents=[DELIVERY, NEWSLETTER][: 1 + number // len(emails) % 2],
                context=requests.Context(ips[number % len(ips)], None),
            )
        except TooManySignups:
            return 429
        except Unavailable:
            # A 503 of a busy machine: a visitor tries again.
            return one(number)
        return 202

    with ThreadPoolExecutor(threads) as pool:
        answers = list(pool.map(one, range(max(len(ips), len(emails)))))
        # Several workers at once.
        list(pool.map(lambda _: settle(services), range(4)))
    return answers


def test_the_count_is_exact_under_parallel_load_over_several_processes_pools(start, database):
    """Two pools are two processes to the database."""
    both = [start(SIGNUPS_PER_HOUR="20") for _ in range(2)]
    emails = [f"ada{n}@example.org" for n in range(100)]
    with ThreadPoolExecutor(2) as pool:
        halves = pool.map(
            lambda n: signups(both[n], ["203.0.113.7"], emails[n::2], threads=8), range(2)
        )
        answers = [answer for half in halves for answer in half]
    assert (answers.count(202), answers.count(429)) == (20, 80)
    assert database.count("lm_subscribers") == database.count("lm_outbox") == 20


def test_parallel_signups_of_few_addresses_from_few_networks_never_deadlock(start, database):
    services = start(SIGNUPS_PER_HOUR="100000", MAILS_PER_MAILBOX="1000")
    ips = [f"203.0.113.{n}" for n in (1, 2, 3)] * 200
    emails = [f"ada+{n}@example.org" for n in range(4)] + [f"b{n}@example.org" for n in range(3)]
    answers = signups(services, ips, emails * 86)
    assert set(answers) == {202}
    assert sum(outcomes(database).values()) == len(answers)


# By address


def test_the_fourth_mail_in_seven_days_is_silently_none(client, database):
    answers = []
    for _ in range(5):
        answers.append(sign_up(client))
        ask_again(database)
    assert len({answer.data for answer in answers}) == 1
    assert {answer.status_code for answer in answers} == {202}
    assert database.count("lm_outbox") == database.count("lm_consent_events") == 3
    assert outcomes(database) == {"queued": 3, "mailbox_full": 2}
    database.rows("UPDATE lm_signup_limits SET ends_at = now()")
    sign_up(client)
    assert database.count("lm_outbox") == 4


def test_a_window_of_mails_lasts_seven_days(client, database):
    sign_up(client)
    days = database.rows("SELECT ends_at - now() AS left FROM lm_signup_limits ORDER BY 1 DESC")
    assert timedelta(days=6, hours=23) < days[0]["left"] <= timedelta(days=7)


def test_tags_are_one_mailbox(client, database):
    for tag in ("", "+a", "+b", "+c", "+a+d"):
        sign_up(client, f"ada{tag}@example.org")
    assert database.count("lm_outbox") == 3
    # Who is not written to is not kept either.
    assert database.count("lm_subscribers") == 3


def test_dots_and_tags_of_gmail_are_one_mailbox_and_dots_elsewhere_are_not(client, database):
    gmail = ("ada.l@gmail.com", "a.da.l@googlemail.com", "adal+x@gmail.com", "a.d.a.l+y@gmail.com")
    for email in gmail:
        sign_up(client, email)
    assert outcomes(database) == {"queued": 3, "mailbox_full": 1}
    for email in ("ada.l", "a.dal", "ad.al", "adal"):
        sign_up(client, f"{email}@example.org")
    assert outcomes(database) == {"queued": 7, "mailbox_full": 1}


def test_the_same_again_within_the_cool_down_uses_nothing_up(client, database):
    for _ in range(6):
        sign_up(client)
    ask_again(database)
    sign_up(client)
    assert database.count("lm_outbox") == 2
    assert outcomes(database) == {"queued": 2, "cool_down": 5}


def test_renewals_count_too(client, database, mailbox):
    sign_up(client)
    token = mailbox.deliver().token()
    for _ in range(4):
        ask_again(database)
        answer = client.post(f"{API}/links/renew", json={"token": token})
        assert answer.status_code == 202
    assert database.count("lm_outbox") == 3
    ask_again(database)
    sign_up(client)
    assert database.count("lm_outbox") == 3


def test_twenty_renewals_and_signups_at_once_stay_below_the_cap(start, database, mailbox):
    client = client_of(start(COOL_DOWN_SECONDS="1"))
    sign_up(client)
    token = mailbox.deliver().token()
    ask_again(database)

    def ask(number):
        fresh = client.application.test_client()
        if number % 2:
            return fresh.post(f"{API}/links/renew", json={"token": token})
        return sign_up(fresh, f"ada+{number}@example.org")

    with ThreadPoolExecutor(8) as pool:
        assert {answer.status_code for answer in pool.map(ask, range(20))} == {202}
    assert database.count("lm_outbox") == 3


def test_an_erasure_gives_no_fresh_count(client, database):
    for _ in range(4):
        sign_up(client)
        database.rows("DELETE FROM lm_subscribers")
    assert outcomes(database) == {"queued": 3, "mailbox_full": 1}


def test_nine_addresses_get_nine_times_the_cap_whatever_is_thrown_at_them(start, database):
    # With next to no cool-down, so that the cap alone stands in the way.
    services = start(COOL_DOWN_SECONDS="1")
    answers = []
    for block in range(6):
        ips = [f"203.{block}.113.{n}" for n in range(250)]
        answers += signups(services, ips, [f"ada{n}@example.org" for n in range(9)])
        ask_again(database)
    assert answers.count(202) == 1500
    assert database.count("lm_outbox") == 27
    per_address = database.rows("SELECT count(*) AS n FROM lm_outbox GROUP BY subscriber_id")
    assert {row["n"] for row in per_address} == {3}
    assert sum(outcomes(database).values()) == 1500
    assert outcomes(database)["queued"] == 27


# Of everybody


def test_mails_over_the_hours_ceiling_wait_for_the_next_and_none_is_lost(
    start, database, mailbox, log_lines
):
    client = client_of(start(MAILS_PER_HOUR="8"))
    mailbox.services = client.application.extensions["leadmagnet"]
    for number in range(30):
        sign_up(client, f"ada{number}@example.org")
    # One network: its first mail, and then those that the first half of the hour has room for.
    sent = [len(mailbox.deliver().messages())]
    for _ in range(9):
        database.rows("UPDATE lm_send_limiter SET hour_ends_at = now()")
        sent.append(len(mailbox.deliver().messages()))
    assert sent == [4, 8, 12, 16, 20, 24, 28, 30, 30, 30]
    alarms = [line for line in map(json.loads, log_lines()) if line["event"].endswith("_reached")]
    assert {(line["event"], line["level"]) for line in alarms} == {
        ("mail_ceiling_reached", "error")
    }
    assert len(alarms) == 7


# The account


def test_every_202_is_accounted_for(client, database, mailbox):
    accepted = 0
    for number in range(12):
        email = f"ada{number % 4}@example.org"
        accepted += sign_up(client, email).status_code == 202
        if number % 3 == 0:
            ask_again(database)
    database.rows("UPDATE lm_subscribers SET status = 'bounced' WHERE email LIKE 'ada1@%%'")
    ask_again(database)
    accepted += sign_up(client, "ada1@example.org").status_code == 202
    accepted += sign_up(client, "noreply@example.org").status_code == 202
    accepted += sign_up(client, "bot@example.org", website="x").status_code == 202
    mailbox.deliver()
    counted = outcomes(database)
    assert sum(counted.values()) == accepted == 15
    assert counted["queued"] == database.count("lm_outbox")
    assert (counted["suppressed"], counted["ignored"]) == (1, 2)


# Guesses


def guess(client, number, ip="203.0.113.7"):
    token = f"{number:043}"
    signed = f"0199f3a2-7c11-7d2e-8f3a-5b6c7d8e9f01.{token}"
    calls = [
        lambda: client.get(f"{API}/confirm/{token}", headers={"X-Forwarded-For": ip}),
        lambda: client.post(
            f"{API}/confirm", json={"token": token}, headers={"X-Forwarded-For": ip}
        ),
        lambda: client.get(f"{API}/unsubscribe/{signed}", headers={"X-Forwarded-For": ip}),
        lambda: client.post(f"{API}/unsubscribe/{signed}", headers={"X-Forwarded-For": ip}),
    ]
    return calls[number % len(calls)]()


def test_guessing_is_limited_and_a_real_link_works_all_the_same(start, database, mailbox):
    client = client_of(start(GUESSES_PER_HOUR="8", TRUSTED_PROXIES="1"))
    from_ip(client, "203.0.113.7")
    token = mailbox.deliver().token()
    leave = mailbox.unsubscribe_token()
    answers = [guess(client, number) for number in range(20)]
    assert [problem(answer)[0] for answer in answers] == [404] * 8 + [429] * 12
    assert {problem(answer)[1] for answer in answers[8:]} == {"guess_limit"}
    assert answers[-1].headers["RateLimit-Policy"] == '"guess";q=8;w=3600'
    assert int(answers[-1].headers["Retry-After"]) > 3500
    assert guess(client, 0, ip="203.0.113.8").status_code == 404
    headers = {"X-Forwarded-For": "203.0.113.7"}
    assert client.get(f"{API}/confirm/{token}", headers=headers).status_code == 200
    clicked = client.post(f"{API}/confirm", json={"token": token}, headers=headers)
    assert clicked.json["status"] == "confirmed"
    renewed = client.post(f"{API}/links/renew", json={"token": token}, headers=headers)
    assert renewed.status_code == 202
    for _ in range(3):
        assert client.post(f"{API}/unsubscribe/{leave}", headers=headers).status_code == 200


def test_guesses_are_counted_exactly_under_parallel_load(start):
    client = client_of(start(GUESSES_PER_HOUR="20"))
    with ThreadPoolExecutor(16) as pool:
        call = lambda n: client.application.test_client().get(f"{API}/confirm/{n:043}")
        answers = [answer.status_code for answer in pool.map(call, range(100))]
    assert (answers.count(404), answers.count(429)) == (20, 80)


def test_asking_for_a_fresh_link_tells_no_guess_from_a_link(start):
    """Its answer is the same for any token, so nothing is learnt and nothing counted."""
    client = client_of(start(GUESSES_PER_HOUR="2"))
    for number in range(6):
        answer = client.post(f"{API}/links/renew", json={"token": f"{number:043}"})
        assert answer.status_code == 202


def test_six_hundred_one_clicks_a_minute_from_one_provider_are_all_heard(client, mailbox):
    sign_up(client)
    leave = mailbox.deliver().unsubscribe_token()
    for _ in range(600):
        assert client.post(f"{API}/unsubscribe/{leave}").status_code == 200


def test_when_limits_cannot_be_checked_links_stay_open(services, mailbox):
    class Unlimited(Database):
        """Whose counts are out of reach: the table is locked, or was not granted."""

        def __init__(self, real):
            self._real = real

        def one(self, name, **parameters):
            if name.startswith("limit"):
                raise Unavailable(name)
            return self._real.one(name, **parameters)

    sign_up(client_of(services))
    token, leave = mailbox.deliver().token(), mailbox.unsubscribe_token()
    client = client_of(replace(services, database=Unlimited(services.database)))
    assert problem(client.get(f"{API}/confirm/{UNKNOWN}")) == (404, "token_unknown")
    assert confirm(client, token).status_code == 200
    assert client.post(f"{API}/unsubscribe/{leave}").status_code == 200


# What is kept


def test_a_count_names_nobody(start, database):
    client = client_of(start(TRUSTED_PROXIES="1"))
    from_ip(client, "203.0.113.7")
    guess(client, 1)
    rows = database.rows("SELECT t::text AS t FROM lm_signup_limits t")
    rows += database.rows("SELECT t::text AS t FROM lm_request_outcomes t")
    assert len(rows) >= 5
    for row in rows:
        assert "203.0" not in row["t"]
        assert "@" not in row["t"]
        assert b"203.0.113.7".hex() not in row["t"]


def test_another_key_gives_another_hash_and_the_scope_is_part_of_it():
    config = configured_like("h" * 40)
    other = configured_like("o" * 40)
    assert limits.limit_key(config, "signup", "203.0.113.7") != limits.limit_key(
        other, "signup", "203.0.113.7"
    )
    assert limits.limit_key(config, "signup", "x") != limits.limit_key(config, "guess", "x")


def configured_like(key):
    class Nowhere:
        url = "postgresql://lm_app@127.0.0.1:9/nowhere"

    return configured(Nowhere, HASH_KEY=key)


def test_ended_counts_are_deleted_and_running_ones_kept(services, client, database):
    sign_up(client)
    kept = database.count("lm_signup_limits")
    database.rows(
        "INSERT INTO lm_signup_limits (key, ends_at)"
        " SELECT sha256(n::text::bytea), now() - interval '1 minute' FROM generate_series(1, 50) n"
    )
    limits.purge(services)
    assert database.count("lm_signup_limits") == kept


def test_the_application_cannot_lower_an_outcome_below_nothing_or_delete_it(database):
    with psycopg.connect(database.url, autocommit=True) as app:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            app.execute("DELETE FROM lm_request_outcomes")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            app.execute("UPDATE lm_request_outcomes SET outcome = 'queued'")


def test_a_keyed_hash_is_hmac_sha256_whatever_was_hashed_before():
    """What is stored today must be found in years."""
    for value in ("ada@example.org", "é", "", "ada@example.org"):
        expected = hmac.digest(b"k" * 32, f"address:{value}".encode(), "sha256")
        assert hashes.hmac_sha256(b"k" * 32, "address", value) == expected
