"""Robots at the door: the widget's token is asked about, and throw-away mailboxes get no mail."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from urllib.parse import parse_qs

import pytest
import requests
import responses

from leadmagnet.adapters.turnstile import SITEVERIFY, TIMEOUTS
from leadmagnet.services import Services
from tests.support.client import client_of, problem, sign_up
from tests.support.services import configured
from tests.support.settings import COUNTS, DELIVERY

SECRET = "0x4AAAAAAA-secret-of-the-studio"
GOOD = {"success": True, "hostname": "www.light-and-shutter.example", "action": "signup"}


@pytest.fixture
def cloudflare():
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield mock


def guarded(services, database, **changes):
    config = configured(
        database,
        TURNSTILE_SECRET=SECRET,
        TURNSTILE_HOSTNAMES="www.light-and-shutter.example,preview.example",
        TURNSTILE_ACTION="signup",
        **changes,
    )
    made = Services.from_config(config, connections=1)
    return client_of(replace(services, config=config, turnstile=made.turnstile))


@pytest.fixture
def client(services, database):
    return guarded(services, database)


def test_a_visitor_the_widget_vouches_for_is_let_in(client, database, cloudflare):
    call = cloudflare.post(SITEVERIFY, json=GOOD)
    assert sign_up(client, turnstileToken="t1").status_code == 202
    assert database.count("lm_outbox") == 1
    # Cloudflare is told the token; not the address, nor where the visitor is.
    sent = parse_qs(call.calls[0].request.body)
    assert sent == {"secret": [SECRET], "response": ["t1"]}


@pytest.mark.parametrize(
    "answer",
    [
        {"success": False, "error-codes": ["invalid-input-response"]},
        {"success": False, "error-codes": ["timeout-or-duplicate"]},
        {**GOOD, "hostname": "evil.example"},
        {**GOOD, "hostname": None},
        {**GOOD, "action": "login"},
        {**GOOD, "success": "true"},
        {"success": True},
    ],
)
def test_whom_it_does_not_vouch_for_is_refused_and_nothing_is_written(
    client, database, cloudflare, answer
):
    cloudflare.post(SITEVERIFY, json=answer)
    before = database.checksum()
    refused = sign_up(client, turnstileToken="t1")
    assert problem(refused) == (422, "turnstile_failed")
    assert [each["pointer"] for each in refused.json["errors"]] == ["/turnstileToken"]
    assert database.checksum() == before


def test_without_a_token_nobody_is_asked(client, cloudflare):
    assert problem(sign_up(client)) == (422, "turnstile_failed")
    assert len(cloudflare.calls) == 0


OUTAGES = {
    "no answer": {"body": requests.ConnectTimeout()},
    "a late answer": {"body": requests.ReadTimeout()},
    "no name": {"body": requests.ConnectionError()},
    "an error page": {"body": "<html>", "status": 502},
    "a redirect": {"status": 302, "headers": {"Location": "https://evil.example/"}},
    "other JSON": {"json": ["?"]},
    "its own error": {"json": {"success": False, "error-codes": ["internal-error"]}},
    "our wrong secret": {"json": {"success": False, "error-codes": ["invalid-input-secret"]}},
}


@pytest.mark.parametrize("outage", OUTAGES.values(), ids=OUTAGES.keys())
def test_an_outage_is_what_the_setting_says(services, database, cloudflare, outage, log_lines):
    cloudflare.post(SITEVERIFY, **outage)
    assert sign_up(guarded(services, database), turnstileToken="t1").status_code == 202
    refusing = guarded(services, database, TURNSTILE_OUTAGE="refuse")
    assert problem(sign_up(refusing, turnstileToken="t1")) == (503, "service_unavailable")
    assert any('"event": "turnstile_unavailable"' in line for line in log_lines())
    assert not any(SECRET in line for line in log_lines())


def test_the_question_has_short_timeouts():
    assert sum(TIMEOUTS) <= 2


def test_a_bot_in_the_honeypot_looks_like_anybody_here_too(client, database, cloudflare):
    cloudflare.post(SITEVERIFY, json=GOOD)
    before = database.checksum(without=COUNTS)
    bot = sign_up(client, website="x", turnstileToken="t1")
    assert database.checksum(without=COUNTS) == before
    assert bot.data == sign_up(client, turnstileToken="t2").data


def test_cloudflare_is_not_asked_about_a_bot_in_the_honeypot(client, cloudflare):
    """Nothing is mocked: a request that left would be an error here."""
    assert sign_up(client, website="x", turnstileToken="t1").status_code == 202
    assert len(cloudflare.calls) == 0


def test_cloudflare_is_not_asked_by_a_network_over_its_limit(services, database, cloudflare):
    cloudflare.post(SITEVERIFY, json=GOOD)
    client = guarded(services, database, SIGNUPS_PER_HOUR="2")
    for number in range(2):
        assert sign_up(client, f"a{number}@example.org", turnstileToken="t").status_code == 202
    for _ in range(3):
        assert problem(sign_up(client, "b@example.org", turnstileToken="t"))[0] == 429
    assert len(cloudflare.calls) == 2


def test_without_a_secret_a_token_is_ignored_and_no_http_client_loaded(services, database):
    assert sign_up(client_of(services), turnstileToken="whatever").status_code == 202
    code = (
        "import sys, leadmagnet.app, leadmagnet.services;"
        "print(sorted({'requests', 'sentry_sdk', 'prometheus_client', 'disposable_email_domains'}"
        " & set(sys.modules)))"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert loaded.stdout.strip() == "[]", loaded.stderr


def test_disposable_domains_are_refused_silently_when_switched_on(start, database):
    on, off = client_of(start(REFUSE_DISPOSABLE="true")), client_of(start())
    silent = sign_up(on, "ada@yopmail.com")
    assert silent.data == sign_up(on, "ada@example.org").data
    assert database.count("lm_outbox") == 1
    assert sign_up(off, "ada@yopmail.com").status_code == 202
    assert database.count("lm_outbox") == 2


def test_a_typo_of_a_big_provider_is_taken_like_any_other(client, cloudflare, database):
    cloudflare.post(SITEVERIFY, json=GOOD)
    answer = sign_up(client, "ada@gmial.com", turnstileToken="t", consents=[DELIVERY])
    assert answer.status_code == 202
    assert database.count("lm_outbox") == 1
