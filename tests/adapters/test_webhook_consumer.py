"""The documented consumer of webhooks keeps what it is told, in whatever order, and forgets."""

from __future__ import annotations

import json
import time

import pytest

from leadmagnet.adapters.webhooks import Poster, encode_secret, sign
from leadmagnet.dev.ports import free_port
from tests.support.consumer import documented_consumer, people_in

KEY = b"k" * 32
SECRET = encode_secret(KEY)
ADA = "018f2f6e-0000-7000-8000-000000000001"


@pytest.fixture(scope="module")
def consumer(tmp_path_factory):
    """Tells it an event and returns its answer; its file."""
    file, port = tmp_path_factory.mktemp("consumer") / "people.sqlite3", free_port()
    child = documented_consumer(SECRET, file, port)
    poster = Poster(frozenset({f"127.0.0.1:{port}"}))

    def tell(event, at="07:00", *, key=KEY, age=0, **data):
        body = {"type": event, "timestamp": f"2026-11-28T{at}:00Z", "data": data}
        text = json.dumps(body).encode()
        headers = sign([key], "evt_1", int(time.time()) - age, text)
        return poster.post(f"http://127.0.0.1:{port}/", headers, text).status

    try:
        yield tell, file
    finally:
        child.process.kill()
        child.wait()


def test_it_follows_a_person_to_the_erasure_whatever_comes_twice_or_late(consumer):
    tell, file = consumer
    ada = {"subscriberId": ADA, "email": "ada@example.org"}
    for _ in range(2):
        assert tell("subscriber.confirmed", "07:00", status="confirmed", **ada) == 204
        assert people_in(file) == [("confirmed", "ada@example.org")]
    assert tell("subscriber.unsubscribed", "09:00", status="unsubscribed", **ada) == 204
    assert tell("subscriber.newsletter_changed", "08:00", status="confirmed", **ada) == 204
    assert people_in(file) == [("unsubscribed", "ada@example.org")]
    assert tell("subscriber.erased", "10:00", subscriberId=ADA) == 204
    assert tell("subscriber.confirmed", "11:00", status="confirmed", **ada) == 204
    assert people_in(file) == [("erased", None)]
    assert b"ada@" not in file.read_bytes()


@pytest.mark.parametrize("change", [{"key": b"x" * 32}, {"age": 600}])
def test_it_believes_no_one_else_and_no_old_request(consumer, change):
    tell, file = consumer
    before = people_in(file)
    assert tell("subscriber.erased", subscriberId=ADA.replace("1", "2"), **change) == 400
    assert people_in(file) == before
