"""Mail scanners open every link they see: no GET, HEAD or OPTIONS changes a byte of the data."""

from __future__ import annotations

import re
from functools import partial

import pytest

from tests.support.client import client_of, confirm, sign_up
from tests.support.settings import ADA, API

SCANNERS = [
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/126.0 Safari/537.36",
    "Mozilla/5.0 (compatible; MSIE 9.0; Windows NT 6.1; Trident/5.0) SafeLinks",
    "Mozilla/5.0 (Windows NT 10.0) BingPreview/1.0b",
    "Barracuda Sentinel (EE)",
    "Proofpoint URL Defense",
    "Mimecast URL Protect",
    "Cisco IronPort / Secure Email",
    "Symantec Email Security.cloud Link Following",
    "Sophos Time-of-Click",
    "Trend Micro WTP Sandbox",
    "FireEye ETP url analysis",
    "Forcepoint Email Security",
    "Fortinet FortiMail URI click",
    "Google-Safety; GoogleImageProxy (via ggpht.com)",
    "YahooMailProxy; https://help.yahoo.com/kb/yahoo-mail-proxy-SLN28749.html",
    "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)",
    "WhatsApp/2.23.20.0",
    "facebookexternalhit/1.1",
    "curl/8.5.0",
    "",
]


@pytest.fixture
def client(start):
    return client_of(start(METRICS_TOKEN="m" * 40))


def _filled(part, known):
    somebody = known["token"].partition(".")[0]
    return known.get(part[1], somebody)


def public_urls(app, *, token, leave, own):
    """Every address of the application, with a token that works there, and ids of somebody."""
    links = {"unsubscribe": leave, "privacy": own}
    urls = set()
    for rule in app.url_map.iter_rules():
        known = {
            "slug": "guide-mariee-sereine",
            "name": "swagger-ui.css",
            "token": next((links[name] for name in links if name in rule.rule), token),
        }
        path = re.sub(r"<(?:\w+:)?(\w+)>", partial(_filled, known=known), rule.rule)
        urls |= {path, f"{path}?token={token}"}
    return sorted(urls)


def mailed_tokens(client, mailbox):
    """Those of a person who signs up and asks for their data."""
    sign_up(client)
    token, leave = mailbox.deliver().token(), mailbox.unsubscribe_token()
    client.post(f"{API}/privacy/request", json={"email": ADA})
    return {"token": token, "leave": leave, "own": mailbox.deliver().privacy_token()}


@pytest.mark.parametrize(("state", "agents"), [("pending", SCANNERS), ("confirmed", SCANNERS[:1])])
def test_twenty_scanners_on_every_url_change_nothing(client, database, mailbox, state, agents):
    tokens = mailed_tokens(client, mailbox)
    if state == "confirmed":
        confirm(client, tokens["token"])
    urls = public_urls(client.application, **tokens)
    assert len(urls) > 20
    before = database.checksum()
    seen = set()
    for agent in agents:
        # Whoever opens a link does so by GET; the first asks in all other ways, too.
        others = ("HEAD", "OPTIONS") if agent == agents[0] else ()
        for url in urls:
            for method in ("GET", *others):
                answer = client.open(url, method=method, headers={"User-Agent": agent})
                seen.add((method, answer.status_code))
    asked = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    assert {client.options(url, headers=asked).status_code for url in urls} == {204}
    assert database.checksum() == before
    assert {("GET", 200), ("HEAD", 200), ("OPTIONS", 200)} <= seen


def test_what_reads_works_where_nothing_can_be_written(start, client, database, mailbox):
    """Every GET of the application, on connections whose transactions are read-only."""
    tokens = mailed_tokens(client, mailbox)
    database.rows(f"ALTER DATABASE {database.name} SET default_transaction_read_only = on")
    # With connections of its own: those that are kept began before the setting.
    reading = client_of(start(METRICS_TOKEN="m" * 40, DATABASE_URL=database.url))
    refused = {
        url: answer.status_code
        for url in public_urls(reading.application, **tokens)
        # Off here, and an account of who reads must be written.
        if "/api/admin/" not in url
        and (
            answer := reading.get(url, headers={"Authorization": "Bearer " + "m" * 40})
        ).status_code
        not in (200, 302, 308, 405)
    }
    # It asks whether the database takes writes.
    assert refused == {"/readyz": 503, f"/readyz?token={tokens['token']}": 503}
    assert sign_up(reading).status_code == 503
