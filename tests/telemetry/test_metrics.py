"""The values of /metrics: closed without the token, true over several processes, naming nobody."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from leadmagnet.consent import seals
from leadmagnet.mail import send_limiter
from leadmagnet.maintenance import Maintenance
from tests.support.client import client_of, confirm, problem, sign_up
from tests.support.database import NOWHERE, fresh_database
from tests.support.servers import BODY, Server, get, post, status
from tests.support.services import NO_FILES
from tests.support.settings import ADA, API, DELIVERY, NEWSLETTER

TOKEN = "m" * 40
OPEN = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture
def client(start):
    return client_of(start(METRICS_TOKEN=TOKEN))


def metrics(client):
    return client.get("/metrics", headers=OPEN).text


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


def test_mails_and_requests_are_counted_from_the_database(client, database, mailbox):
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
    assert 'leadmagnet_requests_settled_total{kind="signup",outcome="queued"} 3.0' in text
    assert 'leadmagnet_requests_settled_total{kind="signup",outcome="cool_down"} 1.0' in text
    assert "leadmagnet_database_up 1.0" in text


def test_webhook_events_are_counted_but_for_endpoints_that_an_operator_disabled(client, database):
    for name in ("crm", "off"):
        database.rows(
            "WITH added AS (INSERT INTO lm_webhook_endpoints (name, url, kinds) VALUES"
            " (%s, 'https://crm.example/', '{file.handed_out}') RETURNING id)"
            " INSERT INTO lm_webhook_events (endpoint_id, kind, state, finished_at, occurred_at)"
            " SELECT id, 'ping', state, nullif(finished, '')::timestamptz, now() - interval '2 h'"
            " FROM added, (VALUES ('queued', ''), ('dead', 'now'), ('dead', 'now'),"
            " ('delivered', 'now')) AS v (state, finished)",
            name,
        )
    disable = (
        "UPDATE lm_webhook_endpoints SET disabled_at = now(), disabled_why = %s WHERE name = %s"
    )
    database.rows(disable, "operator", "off")
    database.rows(disable, "gone", "crm")
    text = metrics(client)
    assert 'leadmagnet_webhook_events{state="queued"} 1.0' in text
    assert 'leadmagnet_webhook_events{state="dead"} 2.0' in text
    (waiting,) = re.findall(r"leadmagnet_webhook_waiting_seconds (\d\S*)", text)
    assert 7200 <= float(waiting) < 7260
    database.rows(disable, "operator", "crm")
    assert 'leadmagnet_webhook_events{state="dead"} 0.0' in metrics(client)


def test_what_became_of_requests_for_ones_data_is_counted(client, mailbox):
    sign_up(client)
    mailbox.deliver()
    for email in (ADA, "nobody@example.org"):
        client.post("/api/lead-magnet/privacy/request", json={"email": email})
    mailbox.deliver()
    text = client.get("/metrics", headers=OPEN).text
    for outcome in ("queued", "not_queued"):
        counted = f'leadmagnet_requests_settled_total{{kind="privacy",outcome="{outcome}"}} 1.0'
        assert counted in text


def test_an_event_that_waits_for_its_seal_shows(client, superuser, services):
    sign_up(client)
    superuser.execute("UPDATE lm_consent_events SET recorded_at = now() - interval '10 minutes'")
    text = client.get("/metrics", headers=OPEN).text
    assert 600 <= float(re.search(r"ledger_unsealed_seconds (\d\S*)", text)[1]) < 630
    seals.Sealer(services).seal()
    text = client.get("/metrics", headers=OPEN).text
    assert "leadmagnet_ledger_unsealed_seconds 0.0" in text


def test_confirmations_are_people_and_a_file_handed_out_is_a_confirmed_request(client, mailbox):
    sign_up(client, consents=[DELIVERY, NEWSLETTER])
    token = mailbox.deliver().token()
    assert "leadmagnet_confirmations_last_day 0.0" in metrics(client)
    for _ in range(2):
        confirm(client, token)
    told = metrics(client)
    assert "leadmagnet_confirmations_last_day 1.0" in told
    route = 'method="POST",route="/api/lead-magnet/confirm",status="200"'
    assert re.search(rf"leadmagnet_requests_total{{{route}}} \d", told)


def test_a_worker_that_runs_is_not_silent(client, database, services):
    database.rows("UPDATE lm_worker_heartbeat SET seen_at = now() - interval '10 minutes'")
    assert 600 <= float(re.search(r"worker_silent_seconds (\d\S*)", metrics(client))[1]) < 630
    Maintenance(replace(services, files=NO_FILES)).run_due()
    assert float(re.search(r"worker_silent_seconds (\d\S*)", metrics(client))[1]) < 30


def test_why_sending_is_paused_and_that_a_file_is_missing_show(client, database, services):
    told = metrics(client)
    assert told.count("leadmagnet_sending_paused{") == 4
    assert not re.search(r"leadmagnet_sending_paused\{.*\} 1", told)
    assert "leadmagnet_magnet_files_missing 0.0" in told
    send_limiter.hold(services)
    database.rows("UPDATE lm_send_limiter SET pause_reason = 'MessageRejected'")
    database.rows("UPDATE lm_magnets SET file_missing_since = now()")
    told = metrics(client)
    assert re.findall(r'leadmagnet_sending_paused\{cause="(\w+)"\} 1.0', told) == [
        "operator",
        "ses",
    ]
    assert "leadmagnet_magnet_files_missing 0.0" not in told


def test_only_permanent_bounces_count_as_such_and_only_of_the_span(client, database, services):
    sign_up(client)
    ada = database.value("SELECT id FROM lm_subscribers")
    told = (("Bounce", "Permanent/General", 0), ("Bounce", "Transient/MailboxFull", 3))
    for number, (kind, detail, days) in enumerate(told):
        database.rows(
            "INSERT INTO lm_ses_events (message_id, subscriber_id, type, detail, received_at)"
            " VALUES (%s, %s, %s, %s, now() - %s * interval '1 day')",
            *(f"m{number}", ada, kind, detail, days),
        )
    told = metrics(client)
    for span, soft in (("day", 0), ("week", 1)):
        name = f"leadmagnet_ses_events_last_{span}"
        assert f'{name}{{matched="true",type="Bounce"}} 1.0' in told
        assert f'{name}{{matched="true",type="SoftBounce"}} {soft}.0' in told
        assert f'{name}{{matched="true",type="Complaint"}} 0.0' in told


def test_requests_are_counted_by_route_and_status_and_never_by_path(client):
    client.get(f"{API}/confirm/{'x' * 43}")
    client.get(f"/no/such/{ADA}")
    text = client.get("/metrics", headers=OPEN).text
    assert 'route="/api/lead-magnet/confirm/<token>",status="404"' in text
    assert 'method="-",route="-",status="404"' in text
    assert "xxx" not in text
    assert ADA not in text


def test_without_a_database_the_requests_are_still_told(start):
    client = client_of(start(METRICS_TOKEN=TOKEN, DATABASE_URL=NOWHERE))
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
