"""Runs the real nginx on deploy/nginx/nginx.conf before a stand-in API: `make check-nginx`.

Not collected with the tests: they need no nginx, and a test that skips itself proves nothing.
"""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import yaml

from leadmagnet.dev.ports import free_port
from leadmagnet.web.requests import SECURITY_HEADERS
from tests.support.servers import connected
from tests.support.waiting import until

ROOT = Path(__file__).resolve().parents[2]
CONF = (ROOT / "deploy/nginx/nginx.conf").read_text("utf-8")
TOKEN = "S3cretTokenOfOnePersonAndNobodyElse_0123456"
CONFIRM = f"/api/lead-magnet/confirm/{TOKEN}"
SIGNUP = "/api/lead-magnet/signup"
WEBHOOK = "/api/lead-magnet/webhooks/ses"
BIG = 30_000_000


class StandIn(BaseHTTPRequestHandler):
    """Answers what it received; `/big` is larger than a socket's buffers, `/hang` never comes."""

    protocol_version = "HTTP/1.1"
    sent_big = threading.Event()
    release = threading.Event()

    def answer(self) -> None:
        size = len(self.rfile.read(int(self.headers.get("Content-Length", 0))))
        if self.path == "/hang":
            self.release.wait(20)
        if self.path == "/own-error":
            return self.send(503, b'{"code":"database_unavailable"}', "application/problem+json")
        if self.path == "/big":
            self.send(200, b"x" * BIG, "application/octet-stream")
            return self.sent_big.set()
        seen = {"headers": {k.lower(): v for k, v in self.headers.items()}, "size": size}
        self.send(200, json.dumps(seen).encode(), "application/json")

    def send(self, status: int, body: bytes, media_type: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_HEAD = do_POST = do_OPTIONS = answer

    def log_message(self, *_: object) -> None: ...


class Api(ThreadingHTTPServer):
    request_queue_size = 128  # of socketserver's five, a burst overflows the queue, and waits


class Proxy:
    def __init__(self, port: int, folder: Path) -> None:
        self.port, self.folder = port, folder

    def request(
        self, method: str, path: str, body: object = None, client: str = "127.0.0.1", **headers: str
    ):
        connection = HTTPConnection("127.0.0.1", self.port, timeout=15)
        connection.sock = self.connect(b"", client)
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, body, given, encode_chunked=not isinstance(body, bytes))
        response = connection.getresponse()
        content = response.read()
        connection.close()
        return response, content

    def connect(self, sent: bytes, client: str = "127.0.0.1") -> socket.socket:
        connection = connected(self.port, client)
        connection.sendall(sent)
        return connection

    def raw(self, sent: bytes) -> bytes:
        """Send these bytes and wait, for less than 15 s, until nginx closes."""
        with self.connect(sent) as connection:
            return b"".join(iter(lambda: connection.recv(65536), b""))

    def log(self) -> list[dict]:
        return [json.loads(line) for line in (self.folder / "access").read_text().splitlines()]

    def log_of(self, request_id: str) -> dict:
        """Once it is there: nginx logs after the answer is out."""
        look = lambda: [line for line in self.log() if line["request_id"] == request_id]
        return until(look, seconds=15, what=f"a log line for request {request_id}")[0]

    def errors(self) -> str:
        return (self.folder / "errors").read_text()


@contextmanager
def running(api_port: int) -> Iterator[Proxy]:
    nginx = shutil.which("nginx") or "/usr/sbin/nginx"
    folder = Path(tempfile.mkdtemp(prefix="nginx-check-"))
    folder.chmod(0o755)  # started by root, the nginx that works is another user
    port = free_port()
    conf = CONF
    for ours, here in {
        "server api:8000;": f"server 127.0.0.1:{api_port};",
        "listen 8080 ": f"listen 127.0.0.1:{port} ",
        " /tmp/": f" {folder}/",
        "proxy_read_timeout 30s;": "proxy_read_timeout 5s;",
    }.items():
        assert ours in conf, f"nginx.conf no longer says {ours}"
        conf = conf.replace(ours, here)
    (folder / "nginx.conf").write_text(conf, "utf-8")
    command = [nginx, "-c", str(folder / "nginx.conf"), "-g", "daemon off;"]
    subprocess.run([*command, "-t", "-q"], check=True)
    with (folder / "access").open("w") as access, (folder / "errors").open("w") as errors:
        process = subprocess.Popen(command, stdout=access, stderr=errors)

    def listens() -> bool:
        assert process.poll() is None, (folder / "errors").read_text()
        with socket.socket() as client:
            return client.connect_ex(("127.0.0.1", port)) == 0

    try:
        until(listens, seconds=30, what="nginx listens")
        yield Proxy(port, folder)
    finally:
        process.terminate()
        process.wait(10)
        shutil.rmtree(folder)


@pytest.fixture(scope="module")
def proxy() -> Iterator[Proxy]:
    api = Api(("127.0.0.1", 0), StandIn)
    threading.Thread(target=api.serve_forever, daemon=True).start()
    with running(api.server_port) as proxy:
        yield proxy
    StandIn.release.set()
    api.shutdown()
    api.server_close()


def assert_problem(response, content: bytes, status: int, code: str) -> None:
    problem = json.loads(content)
    assert response.status == status
    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.headers["Content-Language"] == "fr"
    assert response.headers["X-Request-Id"]
    assert response.headers["Cache-Control"] == "no-store"
    assert list(problem) == ["type", "title", "status", "detail", "code"]
    assert (problem["type"], problem["status"], problem["code"]) == ("about:blank", status, code)
    assert response.headers["Retry-After"] == ("5" if status in (502, 503, 504) else None)
    assert response.headers["Server"] == "nginx"
    # nginx's sentences are in one language and for any origin.
    for name in SECURITY_HEADERS.keys() - {"Vary"}:
        assert response.headers[name] == SECURITY_HEADERS[name], name


def chunks(size: int) -> Iterator[bytes]:
    yield from (b"x" * 1024 for _ in range(size // 1024))


def test_the_api_learns_the_address_that_nginx_saw_and_no_other(proxy):
    _, content = proxy.request(
        "GET", "/", X_Forwarded_For="203.0.113.9", X_Request_Id="forged", X_Forwarded_Proto="https"
    )
    seen = json.loads(content)["headers"]
    assert seen["x-forwarded-for"] == "127.0.0.1"
    assert seen["x-forwarded-proto"] == "http"
    assert re.fullmatch("[0-9a-f]{32}", seen["x-request-id"])
    assert seen["host"] == f"127.0.0.1:{proxy.port}"


@pytest.mark.parametrize(
    ("path", "limit"), [(SIGNUP, 16 * 1024), (WEBHOOK, 300 * 1024)], ids=["api", "webhook"]
)
def test_a_body_may_have_its_limit_and_no_more(proxy, path, limit):
    response, content = proxy.request("POST", path, b"x" * limit)
    assert (response.status, json.loads(content)["size"]) == (200, limit)
    assert_problem(*proxy.request("POST", path, b"x" * (limit + 1)), 413, "body_too_large")


@pytest.mark.parametrize(
    ("path", "limit"), [(SIGNUP, 16 * 1024), (WEBHOOK, 300 * 1024)], ids=["api", "webhook"]
)
def test_a_chunked_body_is_counted_too(proxy, path, limit):
    response, content = proxy.request("POST", path, chunks(limit))
    assert (response.status, json.loads(content)["size"]) == (200, limit)
    assert json.loads(content)["headers"]["content-length"] == str(limit)
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    received = proxy.raw(head + b"%x\r\n" % (limit + 1) + b"x" * (limit + 1) + b"\r\n0\r\n\r\n")
    assert received.startswith(b"HTTP/1.1 413 ")
    assert b'"code":"body_too_large"' in received


@pytest.mark.parametrize(
    ("sent", "status", "code"),
    [
        (b"POST %s HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400, None),
        (b"GET %s HTTP/1.1\r\n\r\n", 400, None),
        (b"GET %s HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", 400, None),
        (b"GET %s nonsense\r\n\r\n", 400, None),
        (b"GET %s HTTP/2.5\r\nHost: x\r\n\r\n", 400, None),
        (b"POST %s HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n", 400, None),
        (b"\x16\x03\x01\x00\xa5\x01\r\n\r\n", 400, None),
        (b"GET %s?" + b"x" * 9000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414, None),
        (b"GET %s HTTP/1.1\r\nHost: x\r\nCookie: " + b"x" * 9000 + b"\r\n\r\n", 431, None),
        (b"TRACE %s HTTP/1.1\r\nHost: x\r\n\r\n", 405, b"method_not_allowed"),
    ],
    ids=[
        *("bad chunk", "no host", "negative length", "bad version"),
        *("new version", "unknown coding", "TLS hello"),
        *("long target", "long header", "TRACE"),
    ],
)
def test_what_cannot_be_read_is_refused_as_a_problem(proxy, sent, status, code):
    with proxy.connect(sent.replace(b"%s", CONFIRM.encode())) as connection:
        received = connection.recv(65536)
    head, _, body = received.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % status)
    assert b"Content-Type: application/problem+json" in head
    assert json.loads(body)["code"] == (code or b"request_malformed").decode()
    assert json.loads(body)["status"] == status


def test_a_body_that_stalls_is_cut_in_time_and_holds_up_nobody(proxy):
    head = f"POST {CONFIRM} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n0123456789"
    with ThreadPoolExecutor(1) as pool:
        stalled = pool.submit(proxy.raw, head.encode())
        assert proxy.request("GET", "/healthz")[0].status == 200
        assert not stalled.done()
        assert stalled.result() == b""  # nginx logs 408 and closes; it has no way to say so


def test_headers_that_stall_are_cut_in_time(proxy):
    assert proxy.raw(f"GET {CONFIRM} HTTP/1.1\r\nHost: x\r\nX-Slow: ".encode()) == b""


def test_a_client_that_does_not_read_holds_no_thread_of_the_api(proxy):
    with proxy.connect(b"GET /big HTTP/1.1\r\nHost: x\r\n\r\n"):
        assert StandIn.sent_big.wait(15)


def test_a_client_has_64_requests_at_a_time_and_takes_none_from_others(proxy):
    head = (
        f"POST {WEBHOOK} HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n"
    )
    proceed = b"HTTP/1.1 100 Continue\r\n\r\n"

    def ask(client: str):  # the reports of SES, as their rate has no limit
        return proxy.request("POST", WEBHOOK, b"{}", client=client)

    with ExitStack() as open_ones:
        unfinished = [
            open_ones.enter_context(proxy.connect(head.encode(), client="127.0.0.2"))
            for _ in range(64)
        ]
        # nginx says so when it waits for the body: the request is counted since.
        for connection in unfinished:
            assert connection.recv(len(proceed), socket.MSG_WAITALL) == proceed
        assert_problem(*ask("127.0.0.2"), 503, "service_unavailable")
        assert ask("127.0.0.3")[0].status == 200
    until(lambda: ask("127.0.0.2")[0].status == 200, seconds=15, what="the client may ask again")


def test_a_client_that_asks_without_pause_is_slowed_and_the_reports_of_ses_are_not(proxy):
    def ask(_: int) -> int:
        return proxy.request("GET", "/healthz", client="127.0.0.4")[0].status

    with ThreadPoolExecutor(32) as clients:
        statuses = list(clients.map(ask, range(800)))
    assert statuses.count(200) >= 200
    assert set(statuses) == {200, 503}
    reports = [proxy.request("POST", WEBHOOK, b"{}", client="127.0.0.4") for _ in range(50)]
    assert {answer[0].status for answer in reports} == {200}
    assert proxy.request("GET", "/healthz", client="127.0.0.5")[0].status == 200


def test_an_error_of_the_api_passes_untouched(proxy):
    response, content = proxy.request("GET", "/own-error")
    assert (response.status, content) == (503, b'{"code":"database_unavailable"}')


def test_metrics_are_not_for_the_outside(proxy):
    for path in (
        *("/metrics", "/metrics?x=1", "/%6detrics", "//metrics", "/docs/../metrics"),
        *("/metrics/", "/metrics//", "/metrics%2f", "/metrics%2F?x"),
    ):
        assert_problem(*proxy.request("GET", path), 404, "not_found")


def test_an_api_that_does_not_answer_is_a_504_problem(proxy):
    assert_problem(*proxy.request("GET", "/hang"), 504, "service_unavailable")


def test_an_api_that_is_down_is_a_502_problem_and_no_log_holds_its_token():
    with running(free_port()) as proxy:
        for method in ("GET", "POST"):
            answer = proxy.request(method, f"{CONFIRM}?token={TOKEN}", Referer=f"http://x/{TOKEN}")
            assert_problem(*answer, 502, "service_unavailable")
        line = proxy.log_of(answer[0].headers["X-Request-Id"])
        assert (line["status"], line["upstream_status"]) == (502, "502")
        assert line["route"] == "/api/lead-magnet/confirm/:token"
        assert proxy.errors() == ""


@pytest.mark.parametrize(
    ("target", "route"),
    [
        (CONFIRM, "/api/lead-magnet/confirm/:token"),
        (f"{CONFIRM}?a=b", "/api/lead-magnet/confirm/:token"),
        (f"/api/lead-magnet/unsubscribe/{TOKEN}", "/api/lead-magnet/unsubscribe/:token"),
        (f"/api/lead-magnet/confirm?token={TOKEN}", "/api/lead-magnet/confirm"),
        ("/api/lead-magnet/magnets/x", "/api/lead-magnet/magnets/:slug"),
        ("/docs/assets/swagger-ui.css", "/docs"),
        (f"{CONFIRM}/{TOKEN}", "other"),
        (f"/api/lead-magnet/%63onfirm/{TOKEN}", "other"),
        (f"//api/lead-magnet/confirm/{TOKEN}", "other"),
        (f"/{TOKEN}", "other"),
    ],
)
def test_a_log_line_names_the_route_and_never_the_token(proxy, target, route):
    response, content = proxy.request("GET", target)
    line = proxy.log_of(json.loads(content)["headers"]["x-request-id"])
    assert (response.status, line["route"]) == (200, route)


def test_a_made_up_method_is_not_logged_as_written(proxy):
    response, _ = proxy.request("ada@example.org".upper(), "/healthz")
    proxy.request("GET", "/healthz")
    assert response.status in (400, 405, 501)
    proxy.request("ADA", "/healthz")
    # nginx logs after the answer is out.
    until(
        lambda: {"other", "GET"} <= {line["method"] for line in proxy.log()},
        seconds=15,
        what="both methods are in the log",
    )
    assert "EXAMPLE" not in (proxy.folder / "access").read_text()


def test_every_published_path_has_a_name_in_the_log(proxy):
    for path in yaml.safe_load((ROOT / "openapi.yaml").read_text("utf-8"))["paths"]:
        _, content = proxy.request("GET", re.sub(r"\{\w+\}", TOKEN, path))
        line = proxy.log_of(json.loads(content)["headers"]["x-request-id"])
        assert line["route"] != "other", f"nginx.conf has no route for {path}"


def test_no_log_line_of_all_the_above_knows_a_person(proxy):
    """The last test: it reads what the others left."""
    proxy.request("POST", SIGNUP, b"{}", User_Agent="Ada/1", Referer="http://x/ada@example.org")
    lines = proxy.log()
    assert {408, 413, 431, 504} <= {line["status"] for line in lines}
    for line in lines:
        assert list(line) == [
            *("time", "request_id", "method", "route", "status", "ms", "upstream_status")
        ]
        assert isinstance(line["ms"], int)
    assert max(line["ms"] for line in lines) >= 8000  # the stalled body, in milliseconds
    for text in ((proxy.folder / "access").read_text(), proxy.errors()):
        for secret in (TOKEN, "127.0.0.1", "Ada", "ada@", "token="):
            assert secret not in text
