"""Logs, metrics and Sentry of the real processes, after traffic of every kind, name nobody."""

from __future__ import annotations

import gzip
import json
import re
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.support.database import fresh_database
from tests.support.mailbox import link_token
from tests.support.servers import Server, answer_of, get, status, written
from tests.support.settings import API, DELIVERY, SETTINGS
from tests.support.stack import end_gracefully

METRICS = "metrics-token-of-the-monitoring-0123456789"
EVE = "eve.of.the.test@example.org"
BROKEN = "broken.by.the.test@example.org"
IP = "203.0.113.77"
AGENT = "The-Browser-Of-Eve/1.0"


class Collector(BaseHTTPRequestHandler):
    """Sentry's end of the line."""

    received: list[bytes] = []  # noqa: RUF012

    def do_POST(self):
        data = self.rfile.read(int(self.headers["Content-Length"]))
        zipped = self.headers.get("Content-Encoding") == "gzip"
        self.received.append(gzip.decompress(data) if zipped else data)
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *args):
        pass


@pytest.fixture
def sentry():
    Collector.received.clear()
    collector = ThreadingHTTPServer(("127.0.0.1", 0), Collector)
    thread = threading.Thread(target=collector.serve_forever)
    thread.start()
    yield f"http://public@127.0.0.1:{collector.server_port}/1"
    collector.shutdown()
    thread.join()
    collector.server_close()


def call(server, method, path, body=None, **headers):
    lines = [f"{method} {path} HTTP/1.1", "Host: x", f"X-Forwarded-For: {IP}"]
    lines += [f"User-Agent: {AGENT}", "Cookie: session=secret-cookie", "Connection: close"]
    data = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    lines += [f"Content-Type: application/json\r\nContent-Length: {len(data)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    with server.connect() as connection:
        connection.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + data)
        answer = answer_of(connection)
    return status(answer), answer.partition(b"\r\n\r\n")[2]


def newest_mail(aws, to):
    api = aws.test_client()
    deadline = time.monotonic() + 20
    while not (found := api.get("/api/messages", query_string={"to": to}).json):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return found[0]


def traffic(server, database, aws):
    """A whole funnel, then everything that goes wrong; what of it nobody may read anywhere."""
    signup = {"email": EVE, "consents": [DELIVERY]}
    assert call(server, "POST", f"{API}/signup", signup)[0] == 202
    text = newest_mail(aws, EVE)["text"]
    token, leave = link_token(text, "confirm"), link_token(text, "unsubscribe")
    assert call(server, "GET", f"{API}/confirm/{token}?email={EVE}")[0] == 200
    code, body = call(server, "POST", f"{API}/confirm", {"token": token})
    assert code == 200
    url = json.loads(body)["downloadUrl"]
    assert call(server, "POST", f"{API}/links/renew", {"token": token})[0] == 202
    for path in (f"/{EVE}", f"{API}/confirm/{token}x", f"{API}/unsubscribe/{leave}x", f"//{token}"):
        assert call(server, "GET", path)[0] == 404
    assert call(server, "DELETE", f"{API}/confirm/{token}")[0] == 405
    assert call(server, "POST", f"{API}/signup", {**signup, EVE: 1})[0] == 422
    assert call(server, "POST", f"{API}/signup", EVE.encode())[0] == 400
    assert call(server, "POST", f"{API}/confirm", {"token": token}, Authorization=token)[0] == 200
    assert call(server, "GET", "/metrics", Authorization=f"Bearer {token}")[0] == 401
    server.send(f"GET /{EVE} HTTP/9\r\nHost: {token}\r\n\r\n".encode())
    database.rows("UPDATE lm_magnets SET file_missing_since = now()")
    assert call(server, "POST", f"{API}/confirm", {"token": token})[0] == 503
    database.rows("UPDATE lm_magnets SET file_missing_since = NULL")
    database.rows(
        "ALTER TABLE lm_requests ADD CONSTRAINT broken CHECK (email NOT LIKE 'broken%') NOT VALID"
    )
    assert call(server, "POST", f"{API}/signup", {**signup, "email": BROKEN})[0] == 500
    assert call(server, "POST", f"{API}/unsubscribe/{leave}", b"")[0] == 200
    signature = re.search(r"X-Amz-Signature=(\w+)", url)[1]
    return [EVE, EVE.partition("@")[0], BROKEN, token, leave, signature, "X-Amz", IP, AGENT]


def test_nothing_the_processes_write_or_send_names_anybody(server, aws, sentry, monkeypatch):
    aws.test_client().delete("/api/messages")
    settings = {"METRICS_TOKEN": METRICS, "SENTRY_DSN": sentry, "TRUSTED_PROXIES": "1"}
    with fresh_database(server) as database:
        running = Server(database.url, **settings, LOG_LEVEL="DEBUG")
        worker = running.stack.worker(LOG_LEVEL="INFO")
        try:
            secrets = traffic(running, database, aws)
            asked = get("/metrics").replace(
                b"\r\n\r\n", f"\r\nAuthorization: Bearer {METRICS}\r\n\r\n".encode()
            )
            metrics = running.send(asked).decode()
        finally:
            end_gracefully(worker)
            worker_log = written(worker)
            log = running.stop()
    reports = b"\n".join(Collector.received).decode()
    texts = {"log": log, "worker": worker_log, "metrics": metrics, "reports": reports}
    # Each of them did say something.
    assert '"event": "unhandled_exception"' in log and '"status": 202' in log
    assert '"event": "mail_sent"' in worker_log
    assert "leadmagnet_mails_sent_last_hour" in metrics
    assert "CheckViolation" in reports and "file_unavailable" in reports
    secrets += ["secret-cookie", METRICS, SETTINGS["HASH_KEY"], SETTINGS["UNSUBSCRIBE_KEYS"]]
    for name, text in texts.items():
        for secret in [*secrets, "@example", "amazonaws.com/"]:
            assert secret not in text, (name, secret)
