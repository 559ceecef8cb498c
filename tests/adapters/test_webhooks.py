"""Webhooks are signed so that the official library accepts them, and are no way into our network,
whatever the DNS says and the consumer answers; no consumer holds a post longer than its time."""

from __future__ import annotations

import socket
import ssl
import time
from concurrent.futures import Future
from datetime import UTC, datetime, timedelta
from email.message import Message
from email.utils import format_datetime

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given, settings
from hypothesis import strategies as st
from standardwebhooks import Webhook, WebhookVerificationError

from leadmagnet.adapters import webhooks
from leadmagnet.adapters.webhooks import (
    Answer,
    EndpointRefused,
    Poster,
    Unreachable,
    encode_secret,
    sign,
)
from tests.support.consumer import Consumer
from tests.support.fake_ses import Raw
from tests.support.signing import Authority

BODY = '{"type":"ping","timestamp":"2026-11-28T07:00:00Z","data":{"é":1}}'.encode()
PUBLIC = ["93.184.216.34"]
HOST = "crm.example.com"
URL = f"https://{HOST}/hooks?of=us"

KEY = b"k" * 32


def now():
    return int(time.time())


# Signing


def test_what_is_signed_is_accepted_by_the_official_library():
    headers = sign([KEY], "evt_1", now(), BODY)
    assert Webhook(encode_secret(KEY)).verify(BODY, headers)["type"] == "ping"


def test_both_secrets_of_a_rotation_are_good_and_no_third():
    headers = sign([KEY, b"o" * 32], "evt_1", now(), BODY)
    old, new = encode_secret(b"o" * 32), encode_secret(KEY)
    assert Webhook(old).verify(BODY, headers) == Webhook(new).verify(BODY, headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(encode_secret(b"x" * 32)).verify(BODY, headers)


@pytest.mark.parametrize("change", ["body", "webhook-id", "webhook-timestamp"])
def test_a_changed_body_id_or_time_is_not_what_was_signed(change):
    headers = sign([KEY], "evt_1", now(), BODY)
    body = BODY + b" " if change == "body" else BODY
    changed = {"webhook-id": "evt_2", "webhook-timestamp": str(now() + 1)}.get(change)
    with pytest.raises(WebhookVerificationError):
        Webhook(encode_secret(KEY)).verify(body, headers | ({change: changed} if changed else {}))


# Which URLs


def poster(addresses=PUBLIC, allow=(), **changes):
    return Poster(frozenset(allow), **{"resolve": lambda host, port: addresses} | changes)


def test_an_ipv6_address_of_our_own_is_reached():
    with Consumer() as consumer:
        host = f"[fd00::beef]:{consumer.port}"
        assert poster(["127.0.0.1"], [host]).post(f"http://{host}/in", {}, BODY) == Answer(204)
        assert consumer.received[0].headers["host"] == host


@pytest.mark.parametrize(
    "url",
    [
        "https://crm.example.com",
        "https://crm.example.com/",
        "https://CRM.Example.com:443/a/b?c=d&e=%20f",
        "https://xn--bcher-kva.example/hooks",
        "https://a.xn--p1ai/",
    ],
)
def test_a_public_https_url_is_accepted(url):
    poster().check(url)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "crm.example.com/hooks",
        "//crm.example.com/hooks",
        "http://crm.example.com/",
        "ftp://crm.example.com/",
        "file:///etc/passwd",
        "https:///hooks",
        "https://crm.example.com:8443/",
        "https://crm.example.com:80/",
        "https://crm.example.com:99999/",
        "https://crm.example.com:x/",
        "https://crm.example.com/#top",
        "https://crm.example.com/#",
        "https://user@crm.example.com/",
        "https://user:secret@crm.example.com/",
        "https://@crm.example.com/",
        "https://crm.example.com\\@evil.example/",
        "https://evil.example\\.crm.example.com/",
        "https://crm.example.com/a b",
        "https://crm.example.com/\r\nHost: evil.example",
        "https://crm.exam\tple.com/",
        " https://crm.example.com/",
        "https://crm.example.com/\x00",
        "https://crm.example.com/" + "a" * 2000,
        "https://bücher.example/",
        "https://crm。example.com/",
        "https://crm.example.com/é",
        "https://crm.example.com./",
        "https://crm..example.com/",
        "https://-crm.example.com/",
        "https://crm%2eexample.com/",
        "https://crm/",
        "https://localhost/",
        "https://127.0.0.1/",
        "https://93.184.216.34/",
        "https://127.1/",
        "https://2130706433/",
        "https://0x7f000001/",
        "https://0x7f.0.0.0x1/",
        "https://0177.0.0.1/",
        "https://[::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://[fe80::1%25eth0]/",
        "https://[::1/",
        "https://١٢٧.0.0.1/",
    ],
)
def test_any_other_url_is_refused_with_a_sentence_and_never_posted_to(url):
    cautious = poster(connect=never)
    with pytest.raises(EndpointRefused, match=r"^A webhook's .*\.$"):
        cautious.check(url)
    assert word_of(cautious, url) == "not_allowed"


def never(*_):
    raise AssertionError("a connection is made")


def word_of(of, url=URL):
    with pytest.raises(Unreachable) as caught:
        of.post(url, {}, BODY)
    return caught.value.word


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0",
        "10.0.0.1",
        "100.64.0.1",
        "100.100.100.200",
        "127.0.0.1",
        "168.63.129.16",
        "169.254.169.254",
        "172.16.0.1",
        "192.0.0.8",
        "192.0.0.192",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.1.1",
        "198.18.0.1",
        "224.0.0.1",
        "239.255.255.255",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::7f00:1",
        "::ffff:127.0.0.1",
        "::ffff:93.184.216.34",
        "64:ff9b::7f00:1",
        "64:ff9b::93.184.216.34",
        "64:ff9b:1::a00:1",
        "100::1",
        "2001::1",
        "2001:0:4136:e378:8000:63bf:3fff:fdd2",
        "2001:db8::1",
        "2002:7f00:1::",
        "2002:5db8:d822::1",
        "3fff::1",
        "5f00::1",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "fe80::1%2",
        "fec0::1",
        "ff02::1",
    ],
)
def test_a_name_with_one_address_that_is_not_public_is_refused(address):
    cautious = poster([*PUBLIC, address], connect=never)
    with pytest.raises(EndpointRefused, match="public addresses only"):
        cautious.check(URL)
    assert word_of(cautious) == "not_allowed"


@pytest.mark.parametrize(
    "address", ["1.1.1.1", "93.184.216.34", "2606:4700::1111", "2a01:4f8::1", "2001:4860:4860::88"]
)
def test_a_public_address_is_not_refused(address):
    poster([address]).check(URL)


def test_an_operators_own_host_may_be_anywhere_on_its_own_port_only():
    own = poster(["127.0.0.1"], ["n8n:5678", "crm.studio.internal", "[::1]:8080"])
    for url in (
        "http://n8n:5678/webhook/x",
        "https://n8n:5678/webhook/x",
        "http://crm.studio.internal/",
        "https://CRM.studio.internal:443/",
        "http://[::1]:8080/",
    ):
        own.check(url)
    for url in (
        "http://n8n/webhook/x",
        "http://n8n:5432/",
        "https://crm.studio.internal:8443/",
        "http://[::1]/",
        "http://n8n:5678@evil.example/",
        "https://n8n:5678.evil.example/",
    ):
        with pytest.raises(EndpointRefused):
            own.check(url)


def test_a_name_that_the_dns_does_not_know_today_is_no_reason_to_refuse_it():
    def unknown(host, port):
        raise socket.gaierror(-2, "unknown")

    unknowing = Poster(resolve=unknown, connect=never)
    unknowing.check(URL)
    assert word_of(unknowing) == "dns"


# How it connects


@pytest.fixture(scope="module")
def authority():
    return Authority(HOST)


@pytest.fixture(scope="module")
def secure(authority):
    with Consumer(authority) as consumer:
        yield consumer


def to(port, tls_of, **changes):
    """Finds the consumer at a public address, which this test's network has on loopback."""
    made = []

    def connect(address, timeout):
        made.append(address)
        return socket.create_connection(("127.0.0.1", port), timeout)

    found = poster(**{"connect": connect} | changes)
    if tls_of:
        root = tls_of.root.public_bytes(Encoding.PEM).decode()
        found.tls.load_verify_locations(cadata=root)
    return found, made


def test_it_connects_to_the_address_that_was_checked_with_the_hosts_name(secure, authority):
    answers = [PUBLIC, ["127.0.0.1"]]
    posting, made = to(secure.port, authority, resolve=lambda host, port: answers.pop(0))
    assert posting.post(URL, sign([b"key"], "evt_1", 1, BODY), BODY) == Answer(204)
    assert made == [("93.184.216.34", 443)]
    assert len(answers) == 1
    received = secure.received[-1]
    assert (received.name, received.path, received.body) == (HOST, "/hooks?of=us", BODY)
    assert received.headers["host"] == HOST
    assert received.headers["webhook-id"] == "evt_1"
    assert received.headers["content-type"] == "application/json"


def test_a_dns_answer_that_turns_private_is_not_connected_to(secure, authority):
    answers = [PUBLIC, ["127.0.0.1"]]
    posting, made = to(secure.port, authority, resolve=lambda host, port: answers.pop(0))
    posting.check(URL)
    assert word_of(posting) == "not_allowed"
    assert not made


def test_a_dead_address_leaves_time_for_the_next_one(secure, authority):
    def connect(address, timeout):
        if address[0] == "2606:4700::1111":
            raise OSError("no route")
        return socket.create_connection(("127.0.0.1", secure.port), timeout)

    posting, _ = to(secure.port, authority, addresses=["2606:4700::1111", *PUBLIC], connect=connect)
    assert posting.post(URL, {}, BODY).status == 204


@pytest.mark.parametrize("wrong", ["authority", "host", "time"])
def test_a_certificate_that_is_not_the_hosts_own_ends_it(wrong, authority):
    expired = {"starts": datetime.now(UTC) - timedelta(days=100)} if wrong == "time" else {}
    other = Authority("evil.example" if wrong == "host" else HOST, **expired)
    with Consumer(other) as consumer:
        posting, _ = to(consumer.port, authority if wrong == "authority" else other)
        assert word_of(posting) == "tls"
        assert not consumer.received


def test_plain_http_on_the_port_of_https_is_refused():
    with Consumer() as consumer:
        posting, _ = to(consumer.port, None)
        assert word_of(posting) == "tls"
        assert not consumer.received


def test_old_tls_and_unchecked_certificates_are_off():
    assert Poster().tls.minimum_version >= ssl.TLSVersion.TLSv1_2
    assert Poster().tls.check_hostname
    assert Poster().tls.verify_mode is ssl.CERT_REQUIRED


# What it is answered, by an operator's own consumer without TLS


@pytest.fixture(scope="module")
def plain():
    with Consumer() as consumer:
        yield consumer


def own(consumer, **changes):
    return Poster(frozenset({f"127.0.0.1:{consumer.port}"}), **changes)


def answered(consumer, answer, **changes):
    consumer.answer = answer if isinstance(answer, str) else Raw(*answer)
    return own(consumer, **changes).post(consumer.url, {}, BODY)


def test_a_proxy_of_the_environment_is_not_used(plain, monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert answered(plain, (b"HTTP/1.1 200 OK\r\n\r\n",)).status == 200


def test_a_redirect_is_an_answer_and_is_not_followed(plain):
    before = len(plain.received)
    location = plain.url.encode()
    answer = b"HTTP/1.1 307 x\r\nLocation: " + location + b"\r\nContent-Length: 0\r\n\r\n"
    assert answered(plain, (answer,)) == Answer(307)
    assert len(plain.received) == before + 1


def head(*lines):
    return "\r\n".join(["HTTP/1.1 503 x", *lines, "Content-Length: 0", "", ""]).encode()


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120),
        (" 0 ", 0),
        (format_datetime(datetime(2026, 11, 28, 7, 1, tzinfo=UTC), usegmt=True), 60),
        (format_datetime(datetime(2026, 11, 28, 6, 0, tzinfo=UTC), usegmt=True), 0),
        ("-5", None),
        ("1.5", None),
        ("1e9", None),
        ("٣", None),
        ("soon", None),
        ("9" * 400, None),
        ("", None),
    ],
)
def test_a_consumer_may_say_when_to_come_back_in_seconds_or_by_its_own_clock(plain, value, seconds):
    date = format_datetime(datetime(2026, 11, 28, 7, 0, tzinfo=UTC), usegmt=True)
    answer = head(f"Retry-After: {value}".encode().decode("latin-1"), f"Date: {date}")
    assert answered(plain, (answer,)) == Answer(503, seconds)


TEXTS = st.text(st.characters(max_codepoint=255)) | st.from_regex(
    r"[A-Z][a-z]{2}, [0-9]{1,9} Nov [0-9]{1,9} [0-9]{2}:[0-9]{2}:[0-9]{2} [+-]?[0-9G]{1,9}"
)


@settings(max_examples=50, deadline=None, database=None, derandomize=True)
@given(TEXTS, TEXTS)
def test_no_text_in_these_headers_is_an_error(value, date):
    message = Message()
    message["Retry-After"], message["Date"] = value, date
    pause = webhooks._retry_after(message)
    assert pause is None or pause >= 0


def test_the_answers_body_is_read_to_a_kilobyte_only(plain):
    endless = b"HTTP/1.1 200 OK\r\nContent-Length: 90000000\r\n\r\n" + b"x" * 30_000_000
    started = time.monotonic()
    assert answered(plain, (endless,), seconds=60).status == 200
    assert time.monotonic() - started < 30


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\ncut", 200),
        (b"HTTP/1.0 200 OK\r\n\r\nhello", 200),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n", 200),
        (b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", 200),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 202 Accepted\r\n\r\n", 202),
        (b"HTTP/1.1 410 Gone\r\n\r\n", 410),
        (b"HTTP/1.1 500 \xff\xfe\r\nX: \xff\r\n\r\n", 500),
    ],
)
def test_the_status_counts_whatever_the_body_is(plain, answer, status):
    assert answered(plain, (answer,)).status == status


@pytest.mark.parametrize(
    ("answer", "word"),
    [
        ((b"",), "connection"),
        ((b"hello\r\n\r\n",), "no_http"),
        ((b"HTTP/1.1 abc OK\r\n\r\n",), "no_http"),
        ((b"HTTP/1.1 2000 OK\r\n\r\n",), "no_http"),
        ((b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 500 + b"\r\n",), "no_http"),
        ((b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000 + b"\r\n\r\n",), "no_http"),
        ((b"SSH-2.0-OpenSSH_9.6\r\n",), "no_http"),
        ("reset", "connection"),
    ],
)
def test_what_is_no_answer_is_a_word(plain, answer, word):
    with pytest.raises(Unreachable) as caught:
        answered(plain, answer)
    assert caught.value.word == word


def test_a_port_that_nobody_listens_on_is_a_word():
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    nobody = Poster(frozenset({f"127.0.0.1:{port}"}))
    assert word_of(nobody, f"http://127.0.0.1:{port}/") == "connection"


# One deadline

SECONDS = 0.3


def in_time(of, url=URL):
    started = time.monotonic()
    word = word_of(of, url)
    assert time.monotonic() - started < 15
    return word


@pytest.mark.parametrize(
    "answer",
    [
        "hang",
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 90, 0.02),
        (b"HTTP/1.1 100 Continue\r\n\r\n", 0.001),
    ],
    ids=["silent", "dribbled head", "endless continues"],
)
def test_no_consumer_stretches_the_deadline(plain, answer):
    plain.answer = answer if isinstance(answer, str) else Raw(*answer)
    assert in_time(own(plain, seconds=SECONDS), plain.url) == "timeout"


def test_a_dribbled_body_is_cut_at_the_deadline_and_its_status_counts(plain):
    plain.answer = Raw(b"HTTP/1.1 200 OK\r\n\r\nx", 0.001)
    started = time.monotonic()
    assert own(plain, seconds=3).post(plain.url, {}, BODY) == Answer(200)
    assert time.monotonic() - started < 15


def test_a_handshake_that_never_ends_is_a_timeout(authority):
    with socket.create_server(("127.0.0.1", 0)) as tarpit:
        posting, _ = to(tarpit.getsockname()[1], authority, seconds=SECONDS)
        assert in_time(posting) == "timeout"


def test_a_consumer_over_tls_that_dribbles_is_cut_too(authority):
    with Consumer(authority) as consumer:
        consumer.answer = Raw(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 90, 0.02)
        posting, _ = to(consumer.port, authority, seconds=SECONDS)
        assert in_time(posting) == "timeout"


def test_a_consumer_that_reads_nothing_is_a_timeout():
    with socket.create_server(("127.0.0.1", 0)) as full:
        port = full.getsockname()[1]
        patient = Poster(frozenset({f"127.0.0.1:{port}"}), seconds=SECONDS)
        with pytest.raises(Unreachable, match="timeout"):
            patient.post(f"http://127.0.0.1:{port}/", {}, b"x" * 20_000_000)


def test_a_slow_dns_is_a_timeout():
    released = Future()
    slow = Poster(resolve=lambda host, port: released.result(60), connect=never, seconds=SECONDS)
    assert in_time(slow) == "timeout"
    released.set_result(PUBLIC)


def test_addresses_that_never_connect_share_the_deadline():
    waits = []

    def connect(address, timeout):
        waits.append(timeout)
        raise TimeoutError

    many = poster(["1.1.1.1", "1.0.0.1", "9.9.9.9"], connect=connect, seconds=300)
    assert word_of(many) == "timeout"
    assert waits == [
        pytest.approx(100, abs=20),
        pytest.approx(150, abs=20),
        pytest.approx(300, abs=20),
    ]
