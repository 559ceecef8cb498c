"""What Sentry is told: which error and where in the code, and nothing of whom it happened to."""

from __future__ import annotations

import json
import logging

import pytest
import sentry_sdk
from sentry_sdk.transport import Transport

from leadmagnet.telemetry import sentry
from tests.support.client import client_of, confirm, sign_up
from tests.support.settings import ADA, API

DSN = "https://public@sentry.example/1"


class Captured(Transport):
    envelopes: list[bytes] = []  # noqa: RUF012

    def capture_envelope(self, envelope):
        self.envelopes.append(envelope.serialize())


@pytest.fixture
def captured():
    Captured.envelopes.clear()
    sentry.start(DSN, transport=Captured)
    yield lambda: b"\n".join(Captured.envelopes).decode()
    sentry_sdk.get_client().close()
    sentry_sdk.get_global_scope().set_client(None)


def test_an_error_arrives_without_anything_of_the_person(captured, services, database, mailbox):
    client = client_of(services)
    sign_up(client)
    token = mailbox.deliver().token()
    # PostgreSQL's own message then holds the whole row, her address first.
    database.rows(
        "ALTER TABLE lm_requests ADD CONSTRAINT broken CHECK (email NOT LIKE 'eve%') NOT VALID"
    )
    client.application.test_client_class = None
    plain = client.application.test_client()
    answer = plain.post(
        f"{API}/signup?token={token}",
        json={"email": "eve@example.org", "consents": ["guide-mariee-sereine-delivery-fr-1"]},
        headers={"Cookie": "session=secret-cookie", "User-Agent": f"Browser of {ADA}"},
        environ_overrides={"REMOTE_ADDR": "203.0.113.77"},
    )
    assert answer.status_code == 500
    database.rows("UPDATE lm_magnets SET file_missing_since = now()")
    assert confirm(client, token).status_code == 503
    text = captured()
    assert "CheckViolation" in text
    assert "requests.py" in text
    assert "file_unavailable" in text
    for secret in ("eve@", ADA, "@example", "203.0.113", "secret-cookie", token, "Browser of"):
        assert secret not in text, secret


def test_a_librarys_sentence_is_not_repeated(captured):
    logging.getLogger("botocore.parsers").error("could not write to %s", ADA)
    try:
        raise ValueError(f"no such address: {ADA}, at https://x.example/?X-Amz-Signature=abc")
    except ValueError:
        logging.getLogger("leadmagnet.tests").exception("unhandled_exception")
    text = captured()
    assert "ValueError" in text
    for secret in (ADA, "X-Amz-Signature", "could not write"):
        assert secret not in text, secret


@pytest.mark.parametrize(
    "personal",
    [
        ADA,
        "Jd4dYg3mQ0m1r9o0m8n3X2v5b7c9A1s3D5f7G9h1J3k",
        "0199f3a2-7c11-7d2e-8f3a-5b6c7d8e9f01.Q0m1r9o0m8n3X2v5b7c9A1s3D5f7G9h1J3kJd4dYg3m",
        "https://bucket.s3.eu-west-3.amazonaws.com/guide.pdf?X-Amz-Signature=1",
        "203.0.113.77",
        "2001:db8:1:2:3:4:5:6",
    ],
)
def test_what_names_a_person_is_taken_out_wherever_it_is(personal):
    event = {
        "tags": {"a": f"x {personal} y"},
        "message": personal,
        "logentry": {"message": "m", "params": [personal]},
        "exception": {"values": [{"type": "E", "value": personal}]},
        "request": {"url": f"https://api.example/{personal}", "data": personal, "method": "GET"},
        "breadcrumbs": {"values": [{"message": personal}]},
        "user": {"ip_address": personal},
        "extra": {"sys.argv": [personal]},
    }
    kept = json.dumps(sentry.scrub(event, {}))
    assert personal not in kept
    assert "amz" not in kept.lower()
    assert json.loads(kept)["request"] == {"method": "GET"}


def test_without_a_dsn_nothing_is_started():
    sentry.start(None)
    assert not sentry_sdk.get_client().is_active()
