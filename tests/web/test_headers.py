"""What every answer carries, whatever the route and the status; and what no log line does."""

from __future__ import annotations

import json
import logging
from dataclasses import replace

import pytest

from leadmagnet.app import create_app
from leadmagnet.database import Database
from leadmagnet.telemetry import logs
from leadmagnet.web.messages import PROBLEMS
from tests.support.client import client_of, problem, sign_up
from tests.support.settings import ADA, API, DELIVERY

TOKEN = "Jd4dYg3mQ0m1r9o0m8n3X2v5b7c9A1s3D5f7G9h1J3k"
SITE = "https://www.light-and-shutter.example"


@pytest.fixture
def browser(start):
    return client_of(start(CORS_ORIGINS=f"{SITE},https://preview.example"))


def every_answer(client):
    """Each route with each method, and the errors of the frame."""
    for rule in client.application.url_map.iter_rules():
        path = (
            rule.rule.replace("<slug>", "guide-mariee-sereine")
            .replace("<token>", "x")
            .replace("<name>", "x")
        )
        for method in ("GET", "HEAD", "POST", "PUT", "OPTIONS"):
            yield client.open(path, method=method, json={} if method == "POST" else None)
    yield client.get("/nothing")
    yield client.post(f"{API}/signup", data="x")
    yield client.post(f"{API}/signup", data=b" " * 20_000, content_type="application/json")
    yield sign_up(client)


def test_every_route_and_status_carries_the_security_headers(client):
    statuses = set()
    for answer in every_answer(client):
        statuses.add(answer.status_code)
        assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert "unsafe-inline" not in answer.headers["Content-Security-Policy"]
        assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
        assert answer.headers["Cache-Control"]
        assert len(answer.headers["X-Request-Id"]) == 32
    assert {200, 202, 404, 405, 413, 415, 422} <= statuses


def test_strict_transport_security_is_said_behind_tls_alone(start, client):
    behind = client_of(start(TRUSTED_PROXIES="1"))
    secure = behind.get("/healthz", headers={"X-Forwarded-Proto": "https"})
    assert secure.headers["Strict-Transport-Security"].startswith("max-age=")
    spoofed = client.get("/healthz", headers={"X-Forwarded-Proto": "https"})
    assert "Strict-Transport-Security" not in spoofed.headers


def preflight(client, origin):
    headers = {"Origin": origin, "Access-Control-Request-Method": "POST"}
    return client.options(f"{API}/signup", headers=headers)


def test_a_listed_origin_may_call_from_its_pages(browser):
    answer = preflight(browser, SITE)
    assert answer.status_code == 204
    assert answer.headers["Access-Control-Allow-Origin"] == SITE
    assert "Content-Type" in answer.headers["Access-Control-Allow-Headers"]
    answer = browser.post(
        f"{API}/signup", json={"email": ADA, "consents": [DELIVERY]}, headers={"Origin": SITE}
    )
    assert answer.headers["Access-Control-Allow-Origin"] == SITE
    assert "Access-Control-Allow-Credentials" not in answer.headers


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "null",
        SITE + ".evil.example",
        SITE.replace("https", "http"),
        SITE + ":8443",
        SITE.upper(),
    ],
)
def test_any_other_origin_gets_no_permission(browser, origin):
    for answer in (preflight(browser, origin), browser.get("/healthz", headers={"Origin": origin})):
        assert "Access-Control-Allow-Origin" not in answer.headers
        assert "Origin" in answer.headers["Vary"]


def test_an_error_is_readable_for_a_listed_origin_too(browser):
    answer = browser.post(f"{API}/signup", json={}, headers={"Origin": SITE})
    assert problem(answer) == (422, "email_invalid")
    assert answer.headers["Access-Control-Allow-Origin"] == SITE


def test_links_and_answers_never_follow_the_host_header(client, mailbox):
    client.post(
        f"{API}/signup",
        json={"email": ADA, "consents": [DELIVERY]},
        headers={"Host": "evil.example", "X-Forwarded-Host": "evil.example"},
    )
    (message,) = mailbox.deliver().messages(ADA)
    assert "evil.example" not in json.dumps(message)


def recorded_ip(database):
    return database.value("SELECT host(ip) FROM lm_consent_context")


@pytest.mark.parametrize(
    ("hops", "header", "expected"),
    [
        ("0", "9.9.9.9", "127.0.0.1"),
        ("1", "203.0.113.7", "203.0.113.7"),
        ("1", "9.9.9.9, 203.0.113.7", "203.0.113.7"),
        ("2", "9.9.9.9, 203.0.113.7, 10.0.0.1", "203.0.113.7"),
        ("2", "203.0.113.7", "127.0.0.1"),
        ("1", "2001:db8::1", "2001:db8::1"),
        ("1", "::ffff:203.0.113.7", "203.0.113.7"),
        ("1", "fe80::1%eth0", "fe80::1"),
        ("1", "203.0.113.7:1234", None),
        ("1", "unknown", None),
        ("1", "' OR 1=1", None),
        ("1", "1.2.3.4.5", None),
        ("1", "x" * 3000, None),
    ],
)
def test_the_clients_address_is_what_our_own_proxies_say(start, database, hops, header, expected):
    client = client_of(start(TRUSTED_PROXIES=hops))
    answer = client.post(
        f"{API}/signup",
        json={"email": ADA, "consents": [DELIVERY]},
        headers={"X-Forwarded-For": header},
    )
    assert answer.status_code == 202
    assert recorded_ip(database) == expected


def test_no_more_of_accept_language_is_read_than_a_browser_writes(client):
    for before, language in (("de, " * 40, "en"), ("de, " * 2000, "fr")):
        headers = {"Accept-Language": f"{before}en"}
        detail = client.get("/nothing", headers=headers).json["detail"]
        assert detail == PROBLEMS["not_found"][language]


def test_a_request_id_is_taken_from_our_proxy_alone(start, client):
    ours = {"X-Request-Id": "0123456789abcdef0123456789abcdef"}
    behind = client_of(start(TRUSTED_PROXIES="1"))
    assert behind.get("/healthz", headers=ours).headers["X-Request-Id"] == ours["X-Request-Id"]
    assert client.get("/healthz", headers=ours).headers["X-Request-Id"] != ours["X-Request-Id"]
    forged = {"X-Request-Id": ADA}
    assert behind.get("/healthz", headers=forged).headers["X-Request-Id"] != ADA


def test_a_log_line_names_the_route_and_nobody(client, log_lines):
    client.get(f"{API}/confirm/Jd4dYg3mQ0m1r9o0m8n3X2v5b7c9A1s3D5f7G9h1J3k?email={ADA}")
    (line,) = [json.loads(each) for each in log_lines() if '"event": "request"' in each]
    assert line["route"] == "/api/lead-magnet/confirm/<token>"
    assert (line["method"], line["status"]) == ("GET", 404)
    assert set(line) == {"at", "level", "event", "method", "route", "status", "ms", "request_id"}


def test_a_surprise_is_a_500_that_tells_nobody_anything(services, log_lines):
    class Broken(Database):
        def __init__(self):
            pass

        def one(self, name, **parameters):
            raise RuntimeError(f"Key (email)=({ADA}) already exists")

    app = create_app(replace(services, database=Broken()))
    answer = sign_up(app.test_client())
    assert problem(answer) == (500, "internal_error")
    (line,) = [json.loads(each) for each in log_lines() if '"event": "unhandled_exception"' in each]
    assert line["error"] == "RuntimeError"
    assert line["where"][-1].endswith(" one")


def test_what_a_library_says_is_logged_by_its_name_alone(capsys):
    root = logging.getLogger()
    before = root.handlers[:], root.level
    try:
        logs.configure("INFO")
        logging.getLogger("urllib3").warning("sent to %s", ADA)
    finally:
        root.handlers[:], root.level = before
    line = json.loads(capsys.readouterr().out)
    assert (line["event"], line["logger"]) == ("library_warning", "urllib3")
    assert ADA not in json.dumps(line)


@pytest.mark.parametrize("path", [f"/api//lead-magnet/unsubscribe/{TOKEN}", "//healthz", "/docs/"])
def test_no_path_is_answered_by_a_redirect(client, path):
    for method in ("GET", "POST"):
        answer = client.open(path, method=method, headers={"Host": "evil.example"})
        assert "Location" not in answer.headers
        assert answer.status_code in (200, 404, 405)


def test_a_precondition_we_do_not_know_is_left_alone(client):
    answer = client.get(f"{API}/magnets/guide-mariee-sereine", headers={"If-Match": '"x"'})
    assert answer.status_code == 200


@pytest.mark.parametrize("segment", ["a%00b", "x" * 501, "%e2%80%ae"])
def test_a_segment_that_is_nobodys_is_a_404_for_every_method(client, segment):
    assert problem(client.post(f"{API}/unsubscribe/{segment}")) == (404, "token_unknown")
    assert problem(client.get(f"{API}/confirm/{segment}")) == (404, "token_unknown")
