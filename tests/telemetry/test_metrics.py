"""The figures of /metrics: closed without the token, true over several processes, naming nobody."""

from __future__ import annotations

import re

import pytest

from leadmagnet.consent import seals
from tests.support.client import client_of, problem, sign_up
from tests.support.database import fresh_database
from tests.support.servers import BODY, Server, get, post, status
from tests.support.settings import ADA, API

TOKEN = "m" * 40
OPEN = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture
def client(start):
    return client_of(start(METRICS_TOKEN=TOKEN))


def test_without_a_token_set_there_is_nothing(start):
    client = client_of(start())
    assert problem(client.get("/metrics", headers=OPEN)) == (404, "not_found")


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        "Bearer x",
        f"Basic {TOKEN}",
        TOKEN,
        f"Bearer {TOKEN}x",
        "Bearer é",
    ],
)
def test_any_other_token_is_a_401(client, authorization):
    headers = {} if authorization is None else {"Authorization": authorization}
    answer = client.get("/metrics", headers=headers)
    assert problem(answer) == (401, "unauthorized")
    assert answer.headers["WWW-Authenticate"].lower().startswith("bearer")
    assert client.get(f"/metrics?token={TOKEN}").status_code == 401


def test_mails_and_signups_are_the_databases_figures(client, database, mailbox):
    sign_up(client)
    sign_up(client)
    sign_up(client, "b@example.org")
    mailbox.deliver()
    sign_up(client, "c@example.org")
    database.rows(
        "UPDATE lm_outbox SET due_at = now() - interval '5 minutes' WHERE state = 'queued'"
    )
    text = client.get("/metrics", headers=OPEN).text
    assert "leadmagnet_mails_sent_last_hour 2.0" in text
    assert 'leadmagnet_mails{state="queued"} 1.0' in text
    assert 'leadmagnet_mails{state="dead"} 0.0' in text
    overdue = re.search(r"leadmagnet_mail_overdue_seconds (\d\S*)", text)
    assert 300 <= float(overdue[1]) < 330
    assert 'leadmagnet_signups_total{outcome="queued"} 3.0' in text
    assert 'leadmagnet_signups_total{outcome="cool_down"} 1.0' in text
    assert "leadmagnet_database_up 1.0" in text


def test_an_event_that_waits_for_its_seal_shows(client, superuser, services):
    sign_up(client)
    superuser.execute("UPDATE lm_consent_events SET recorded_at = now() - interval '10 minutes'")
    text = client.get("/metrics", headers=OPEN).text
    assert 600 <= float(re.search(r"ledger_unsealed_seconds (\d\S*)", text)[1]) < 630
    seals.Sealer(services).seal()
    text = client.get("/metrics", headers=OPEN).text
    assert "leadmagnet_ledger_unsealed_seconds 0.0" in text


def test_requests_are_counted_by_route_and_status_and_never_by_path(client):
    client.get(f"{API}/confirm/{'x' * 43}")
    client.get(f"/no/such/{ADA}")
    text = client.get("/metrics", headers=OPEN).text
    assert 'route="/api/lead-magnet/confirm/<token>",status="404"' in text
    assert 'method="-",route="-",status="404"' in text
    assert "xxx" not in text
    assert ADA not in text


def test_without_a_database_the_requests_are_still_told(start):
    client = client_of(
        start(METRICS_TOKEN=TOKEN, DATABASE_URL="postgresql://lm_app@127.0.0.1:9/nowhere")
    )
    client.get("/healthz")
    text = client.get("/metrics", headers=OPEN).text
    assert "leadmagnet_database_up 0.0" in text
    assert "leadmagnet_requests_total" in text


def test_the_processes_of_one_server_count_together(server, aws):
    with fresh_database(server) as database:
        running = Server(database.url, METRICS_TOKEN=TOKEN, WEB_WORKERS="3")
        for _ in range(30):
            close = "Connection: close"
            answer = running.send(post(BODY, f"Content-Length: {len(BODY)}", close))
            assert status(answer) == 202
        asked = get("/metrics").replace(
            b"\r\n\r\n", f"\r\nAuthorization: Bearer {TOKEN}\r\n\r\n".encode()
        )
        text = running.send(asked).decode()
        running.stop()
    route = 'method="POST",route="/api/lead-magnet/signup",status="202"'
    assert f"leadmagnet_requests_total{{{route}}} 30.0" in text
    assert 'leadmagnet_request_seconds_count{route="/api/lead-magnet/signup"} 30.0' in text
