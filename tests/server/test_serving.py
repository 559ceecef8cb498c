"""The real gunicorn, spoken to over real sockets."""

from __future__ import annotations

import json
import re
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress

import pytest

from leadmagnet.web.contract import EVERYWHERE
from tests.support.database import fresh_database
from tests.support.servers import BODY, Server, answer_of, get, post, status, unanswered
from tests.support.settings import API


@pytest.fixture(scope="module")
def of_the_module(server):
    with fresh_database(server) as database:
        yield database


@pytest.fixture(scope="module")
def served(of_the_module, aws):
    """As its defaults are; stopped by the last test that uses it."""
    running = Server(of_the_module.url)
    yield running
    log = running.stop()
    assert running.process.returncode == 0
    assert '"event": "request"' in log
    for secret in ("@", "127.0.0.1", "203.0.113", "Traceback", TOKEN):
        assert secret not in log, log


@pytest.fixture(scope="module")
def narrow(of_the_module, aws):
    """With one process; stopped by the last test that uses it."""
    running = Server(of_the_module.url, WEB_WORKERS="1")
    yield running
    running.stop()
    assert running.process.returncode == 0


def test_a_signup_over_http(served):
    answer = served.send(post(BODY, f"Content-Length: {len(BODY)}"))
    assert status(answer) == 202
    assert b"accepted" in answer


def chunked(*chunks: bytes) -> bytes:
    return b"".join(b"%x\r\n%s\r\n" % (len(each), each) for each in chunks) + b"0\r\n\r\n"


def test_a_chunked_signup_is_one_like_any_other(served):
    answer = served.send(post(chunked(BODY[:9], BODY[9:]), "Transfer-Encoding: chunked"))
    assert status(answer) == 202


def test_a_chunked_body_over_the_limit_is_a_413_problem(served):
    answer = served.send(post(chunked(b" " * 17_000), "Transfer-Encoding: chunked"))
    assert status(answer) == 413
    assert b"application/problem+json" in answer


@pytest.mark.parametrize("chunk", [b"zz\r\n{}\r\n", b"-1\r\n{}\r\n", b"5\r\n{}\r\n0\r\n\r\n"])
def test_a_broken_chunk_is_a_400_problem(served, chunk):
    answer = served.send(post(chunk, "Transfer-Encoding: chunked", "Connection: close"))
    assert status(answer) == 400
    assert b"application/problem+json" in answer


def test_more_connections_than_threads_are_all_served_again_and_again(served):
    """Two workers with four threads each: a kept connection must not keep a thread."""
    connections = [served.connect() for _ in range(24)]
    for _ in range(3):
        for connection in connections:
            connection.sendall(get("/healthz"))
        for connection in connections:
            assert status(answer_of(connection)) == 200
    for connection in connections:
        connection.close()


def test_requests_sent_at_once_are_answered_in_turn_and_without_delay(served):
    last = get("/nowhere").replace(b": x", b": x\r\nConnection: close")
    with served.connect() as connection:
        started = time.monotonic()
        connection.sendall(get("/healthz") * 300 + last)
        answers = b"".join(iter(lambda: connection.recv(65536), b""))
        # Three hundred waits for the next request would be one and a half seconds.
        assert time.monotonic() - started < 1.4
    assert re.findall(rb"HTTP/1.1 (\d+)", answers) == [b"200"] * 300 + [b"404"]


TOKEN = "Jd4dYg3mQ0m1r9o0m8n3X2v5b7c9A1s3D5f7G9h1J3k"
UNREADABLE = {
    "no HTTP": (b"hello\r\n\r\n", 400),
    "a version of nobody's": (b"GET / HTTP/9.9\r\n\r\n", 400),
    "a token and a byte": (f"GET {API}/confirm/{TOKEN}".encode() + b"\xe9 HTTP/1.1\r\n\r\n", 400),
    "an address as a header": (b"GET /healthz HTTP/1.1\r\nada@example.org\r\n\r\n", 400),
    "NUL in a header": (b"GET /healthz HTTP/1.1\r\nUser-Agent: a\0b\r\n\r\n", 400),
    "two lengths": (post(b"{}", "Content-Length: 2", "Content-Length: 3"), 400),
    "a negative length": (post(b"{}", "Content-Length: -2"), 400),
    "length and chunks": (
        post(b"0\r\n\r\n", "Content-Length: 2", "Transfer-Encoding: chunked"),
        400,
    ),
    "a long line": (get("/" + "x" * 5000), 414),
    "a long header": (b"GET / HTTP/1.1\r\nX: " + b"x" * 20_000 + b"\r\n\r\n", 431),
    "another expectation": (post(b"{}", "Expect: tea", "Content-Length: 2"), 417),
    "another coding": (post(b"{}", "Transfer-Encoding: tea"), 501),
}


@pytest.mark.parametrize(("data", "expected"), UNREADABLE.values(), ids=UNREADABLE.keys())
def test_what_cannot_be_read_is_a_problem_and_its_text_in_no_log(served, data, expected):
    answer = served.send(data)
    assert status(answer) == expected
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["code"] in EVERYWHERE[expected]
    assert b"application/problem+json" in answer
    assert b"X-Content-Type-Options: nosniff" in answer


def test_no_header_moves_a_route_or_makes_a_request_secure_without_a_proxy_of_ours(served):
    for header in ("SCRIPT_NAME: /x", "PATH_INFO: /x", "X-Forwarded-Proto: https"):
        answer = served.send(f"GET /healthz HTTP/1.1\r\nHost: x\r\n{header}\r\n\r\n".encode())
        assert status(answer) == 200
        assert b"Strict-Transport-Security" not in answer
    path = f"GET {API}/confirm/{TOKEN} HTTP/1.1\r\nHost: x\r\nSCRIPT_NAME: /x\r\n\r\n"
    assert status(served.send(path.encode())) == 404


def test_a_body_that_ends_early_is_a_408(served):
    with served.connect() as connection:
        connection.sendall(post(BODY[:10], f"Content-Length: {len(BODY)}"))
        connection.shutdown(socket.SHUT_WR)
        assert status(answer_of(connection)) == 408


def test_a_client_that_stalls_is_cut_in_time_and_holds_up_nobody(served):
    with served.connect() as stalled:
        stalled.sendall(post(BODY[:10], "Content-Length: 100"))
        assert status(served.send(get("/healthz"))) == 200
        assert unanswered(stalled)
        answer = answer_of(stalled)
        assert status(answer) == 408
        assert b"application/problem+json" in answer


@pytest.mark.parametrize(
    "sent",
    [get("/healthz")[:-2], post(BODY, "Content-Length: 100")],
    ids=["its headers", "its body"],
)
def test_a_client_that_sends_drop_by_drop_is_cut_in_time(served, sent):
    with served.connect() as dripping:
        dripping.sendall(sent)
        dripping.settimeout(0.5)
        started = time.monotonic()
        answer = None
        while answer is None:
            assert time.monotonic() - started < 20
            try:
                answer = dripping.recv(65536)
            except TimeoutError:
                dripping.sendall(b"x")
    assert answer == b"" or status(answer) in (400, 408)


def test_the_connections_of_one_client_take_turns(served):
    """A connection that always has a next request would keep the thread from its siblings."""
    with ExitStack() as stack:
        busy = [stack.enter_context(served.connect()) for _ in range(8)]
        for connection in busy:
            connection.sendall(get("/healthz") * 1000)
        assert status(served.send(get("/healthz"))) == 200
        # None of them is through yet, however fast or slow this machine is.
        for connection in busy:
            connection.setblocking(False)
            with suppress(BlockingIOError):
                assert connection.recv(2**24).count(b"HTTP/1.1 200") < 1000


def test_behind_a_proxy_all_connections_are_the_proxys_and_share_all_threads(server, aws):
    with fresh_database(server) as database:
        running = Server(database.url, WEB_WORKERS="1", TRUSTED_PROXIES="1")
        with ExitStack() as stalled:
            connections = [stalled.enter_context(running.connect()) for _ in range(3)]
            for connection in connections:
                connection.sendall(post(BODY[:10], "Content-Length: 100"))
            assert status(running.send(get("/healthz"))) == 200
            assert unanswered(*connections)
        running.stop()


def test_a_request_in_flight_is_finished_when_the_server_is_told_to_stop(served, of_the_module):
    before = of_the_module.count("lm_requests")
    with ThreadPoolExecutor(8) as pool:
        bodies = [BODY.replace(b"ada@", f"ada{n}@".encode()) for n in range(64)]
        calls = [
            pool.submit(
                served.send, post(body, f"Content-Length: {len(body)}", "Connection: close")
            )
            for body in bodies
        ]
        for call in calls[:9]:
            call.result()
        served.tell_to_stop()
        answers = []
        for call in calls:
            try:
                answers.append(call.result())
            except ConnectionRefusedError:
                continue
            except ConnectionResetError:
                continue
    accepted = sum(status(answer) == 202 for answer in answers if answer)
    assert accepted >= 9
    assert of_the_module.count("lm_requests") - before >= accepted


def test_who_is_connected_when_the_server_is_told_to_stop_is_still_answered(narrow):
    """gunicorn's own worker leaves the port open while its last request takes its time, and
    resets whoever connected meanwhile."""
    with narrow.connect() as slow:
        slow.sendall(post(BODY[:10], f"Content-Length: {len(BODY)}"))
        narrow.tell_to_stop()
        late, refused = [], False
        while not refused:
            try:
                late.append(narrow.connect())
            except (ConnectionRefusedError, ConnectionResetError):
                refused = True  # reset, if the port closes during the handshake
            else:
                late[-1].sendall(get("/healthz"))
                # At this pace nobody comes within the microseconds of the closing itself.
                time.sleep(0.02)
        for connection in late:
            with connection:
                assert status(answer_of(connection)) == 200
        slow.sendall(BODY[10:])
        assert status(answer_of(slow)) == 202
