"""Logs, metrics and Sentry of the real processes, after traffic of every kind, name nobody."""

from __future__ import annotations

import gzip
import json
import re
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from tests.admin.test_access import admin_rules
from tests.support.admin import ADMIN, new_key
from tests.support.database import fresh_database
from tests.support.mailbox import link_token
from tests.support.servers import Server, answer_of, get, status, written
from tests.support.services import configured
from tests.support.settings import API, DELIVERY, SETTINGS
from tests.support.stack import end_gracefully

METRICS = "metrics-token-of-the-monitoring-0123456789"
EVE = "eve.of.the.test@example.org"
BROKEN = "broken.by.the.test@example.org"
IP = "203.0.113.77"
AGENT = "The-Browser-Of-Eve/1.0"
ISSUER = "https://login.example.org/pool"
KEY = ec.generate_private_key(ec.SECP256R1())
PUBLIC = jwt.algorithms.ECAlgorithm.to_jwk(KEY.public_key(), as_dict=True)
JWKS = {"keys": [{**PUBLIC, "kid": "k1", "alg": "ES256", "use": "sig"}]}
ADMIN_SETTINGS = {
    "ADMIN_API": "true",
    "OIDC_ISSUER": ISSUER,
    "OIDC_AUDIENCE": "studio",
    "OIDC_ROLES": "studio:owner",
}


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

    def do_GET(self):
        """The keys of the OIDC issuer."""
        body = json.dumps(JWKS).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


@pytest.fixture
def outside():
    """Sentry, and the issuer of the studio's tokens."""
    Collector.received.clear()
    collector = ThreadingHTTPServer(("127.0.0.1", 0), Collector)
    thread = threading.Thread(target=collector.serve_forever)
    thread.start()
    yield f"127.0.0.1:{collector.server_port}"
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
    deadline = time.monotonic() + 60
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


BODIES = {
    "subscribers/search": {"prefix": EVE, "status": "pending"},
    "subscribers/<uuid:subscriber_id>": {"reason": "person_asked", "object": True},
    "exports": {"everybody": True},
    "mails/retry": {"all": True},
    "webhooks": {"name": "crm", "url": f"https://crm.example/{EVE}", "includeEmail": True},
}


def admin_calls(ada, rules):
    """Each call of the admin API, with what nobody may read in every part; then the erasure."""
    for rule in sorted(rules, key=lambda rule: "DELETE" in rule.methods):
        path = re.sub("<.*?>", EVE, re.sub("<(uuid|int):.*?>", ada, rule.rule))
        body = BODIES.get(rule.rule.removeprefix(f"{ADMIN}/"), {})
        for method in sorted(rule.methods - {"HEAD", "OPTIONS"}):
            for each in (EVE.encode(), {EVE: 1}, body):
                query = "" if each is body else f"?q={EVE}&before={EVE}"
                yield method, path + query, None if method == "GET" else each


def admin_traffic(server, database, rules):
    """All of it by callers with keys and tokens that work, that do not, and while it fails."""
    person = database.value("SELECT id::text FROM lm_subscribers WHERE email = %s", EVE)
    services = SimpleNamespace(config=configured(database))
    owner, viewer = (new_key(database, services, role=role) for role in ("owner", "viewer"))
    claims = {"iss": ISSUER, "aud": "studio", "sub": EVE, "exp": int(time.time()) + 600}
    sign = lambda **changes: jwt.encode(claims | changes, KEY, "ES256", {"kid": "k1"})
    token, weak = sign(**{"cognito:groups": ["studio"]}), sign()
    bad = [owner[:-1], sign(exp=1), token[:-2], f"{token}.{EVE}"]
    bad.append(jwt.encode(claims, KEY, "ES256", {"kid": EVE}))
    call_as = lambda bearer, *what: call(server, *what, Authorization=f"Bearer {bearer}")[0]
    seen = {call(server, "GET", f"{ADMIN}/me?key={owner}&access_token={token}")[0]}
    seen |= {call_as(bearer, "GET", f"{ADMIN}/me") for bearer in (viewer, weak)}
    search = ("POST", f"{ADMIN}/subscribers/search", {"address": EVE})
    assert [call_as(bearer, *search) for bearer in (owner, token, viewer)] == [200, 200, 403]
    # What fails now fails with a row that names the person, or an error that quotes the search.
    database.rows("ALTER TABLE lm_audit ADD CONSTRAINT broken CHECK (false) NOT VALID")
    database.rows("ALTER TABLE lm_subscribers RENAME newsletter TO broken")
    assert call_as(owner, *search) == 503
    database.rows("ALTER TABLE lm_subscribers RENAME broken TO newsletter")
    assert call_as(token, "GET", f"{ADMIN}/subscribers/{person}") == 500
    assert call_as(owner, "POST", f"{ADMIN}/exports", {"everybody": True}) == 500
    database.rows("ALTER TABLE lm_audit DROP CONSTRAINT broken")
    for what in admin_calls(person, rules):
        seen |= {call_as(bearer, *what) for bearer in (viewer, token)}
    assert database.value("SELECT count(*) FROM lm_erasures") == 1
    seen |= {call_as(bearer, "GET", f"{ADMIN}/me") for bearer in bad * 5}
    away = server.stack.api(**ADMIN_SETTINGS, OIDC_JWKS_URL="http://127.0.0.1:9/jwks")
    elsewhere = SimpleNamespace(connect=lambda: socket.create_connection(("127.0.0.1", away.port)))
    answer = call(elsewhere, "GET", f"{ADMIN}/me", Authorization=f"Bearer {token}")
    seen.add(answer[0])
    end_gracefully(away.child)
    assert seen >= {200, 204, 401, 403, 404, 409, 422, 429, 503}
    return [owner, viewer, token, weak, *bad, sign()[:60]], written(away.child)


@pytest.mark.long
def test_nothing_the_processes_write_or_send_names_anybody(server, aws, outside, client):
    aws.test_client().delete("/api/messages")
    settings = {
        "METRICS_TOKEN": METRICS,
        "SENTRY_DSN": f"http://public@{outside}/1",
        "TRUSTED_PROXIES": "1",
        "OIDC_JWKS_URL": f"http://{outside}/jwks",
    }
    with fresh_database(server) as database:
        running = Server(database.url, **ADMIN_SETTINGS, **settings, LOG_LEVEL="DEBUG")
        worker = running.stack.worker(LOG_LEVEL="INFO")
        try:
            secrets = traffic(running, database, aws)
            more, away_log = admin_traffic(running, database, admin_rules(client.application))
            secrets += more
            asked = get("/metrics").replace(
                b"\r\n\r\n", f"\r\nAuthorization: Bearer {METRICS}\r\n\r\n".encode()
            )
            metrics = running.send(asked).decode()
        finally:
            end_gracefully(worker)
            worker_log = written(worker)
            log = running.stop()
    reports = b"\n".join(Collector.received).decode()
    log += away_log
    texts = {"log": log, "worker": worker_log, "metrics": metrics, "reports": reports}
    # Each of them did say something.
    assert '"event": "unhandled_exception"' in log and '"status": 202' in log
    assert '"event": "mail_sent"' in worker_log
    assert "leadmagnet_mails_sent_last_hour" in metrics
    assert "CheckViolation" in reports and "file_unavailable" in reports
    secrets += ["secret-cookie", METRICS, SETTINGS["HASH_KEY"], SETTINGS["UNSUBSCRIBE_KEYS"]]
    for name, text in texts.items():
        for secret in [*secrets, "@example", "amazonaws.com/", "whsec_"]:
            assert secret not in text, (name, secret)
