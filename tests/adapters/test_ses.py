"""Whatever SES answers, over real HTTP, becomes one of our words: never another exception."""

from __future__ import annotations

import json
import time

import pytest

from leadmagnet.adapters.ses import (
    Mail,
    Mailer,
    Paused,
    Rejected,
    Throttled,
    Unknown,
    Unreachable,
    Unrecognised,
)
from tests.support.fake_ses import Raw, Refusal

MAIL = Mail(
    sender="guide@example.org",
    to="ada@example.org",
    subject="s",
    text="t",
    html="h",
    tags={"outbox_id": "1"},
    configuration_set="leadmagnet",
)
DEEP = b"[" * 100_000 + b"]" * 100_000


def http(status, body, *headers, length=None):
    head = [f"HTTP/1.1 {status} x", f"Content-Length: {len(body) if length is None else length}"]
    return "\r\n".join([*head, "Connection: close", *headers, "", ""]).encode() + body


ANSWERS = {
    "204": http(204, b""),
    "200, nothing": http(200, b""),
    "200, an empty object": http(200, b"{}"),
    "200, no MessageId": http(200, b'{"Message": "ok"}'),
    "200, a MessageId that is null": http(200, b'{"MessageId": null}'),
    "200, HTML": http(200, b"<html>hello</html>", "Content-Type: text/html"),
    "200, null": http(200, b"null"),
    "200, a list": http(200, b"[1]"),
    "200, nested": http(200, DEEP),
    "200, bad UTF-8": http(200, b'{"MessageId": "\xff"}'),
    "200, cut short": http(200, b'{"MessageId": "0102"', length=100),
    "no HTTP": b"hello\r\n\r\n",
    "no answer at all": b"",
    "400, null": http(400, b"null"),
    "400, a list": http(400, b"[1, 2]"),
    "400, nested": http(400, DEEP),
    "400, nested in an object": http(400, b'{"message": ' + DEEP + b"}"),
    "400, a message that is a list": http(400, b'{"message": [1]}'),
    "400, bad UTF-8": http(400, b'{"message": "\xff"}'),
    "400, HTML": http(400, b"<html>no</html>", "Content-Type: text/html"),
    "302": http(302, b"<html>", "Location: http://127.0.0.1:9/"),
    "404, HTML": http(404, b"<html>no</html>", "Content-Type: text/html"),
    "413": http(413, b""),
    "status 999": http(999, b"{}"),
}


@pytest.fixture
def answer(ses):
    def answer(mode):
        ses.mode = mode

    yield answer
    ses.mode = "ok"


@pytest.mark.parametrize("name", ANSWERS)
def test_an_answer_that_is_not_understood_is_the_mails_outcome(answer, mailer, name):
    answer(Raw(ANSWERS[name]))
    with pytest.raises((Unknown, Unrecognised, Unreachable)) as caught:
        mailer.send(MAIL)
    # Only a 5xx says that the mail was surely not taken.
    assert not isinstance(caught.value, Unreachable) or name == "status 999"
    assert caught.value.reason.replace("_", "").isalnum()
    answer("ok")
    assert mailer.send(MAIL)


@pytest.mark.parametrize(
    ("code", "status", "message", "kind"),
    [
        ("TooManyRequestsException", 429, "Rate exceeded", Throttled),
        ("LimitExceededException", 400, "", Throttled),
        ("ServiceUnavailable", 503, "", Unreachable),
        ("InternalFailure", 500, "", Unreachable),
        ("MessageRejected", 400, "Bad content", Rejected),
        ("BadRequestException", 400, "", Rejected),
        ("MessageRejected", 400, "Email address is not verified.", Paused),
        ("SendingPausedException", 400, "", Paused),
        ("AccountSuspendedException", 400, "", Paused),
        ("MailFromDomainNotVerifiedException", 400, "", Paused),
        ("NotFoundException", 404, "Configuration set does not exist", Paused),
        ("UnrecognizedClientException", 403, "", Paused),
        ("ExpiredTokenException", 403, "", Paused),
        ("TeapotException", 418, "", Unrecognised),
        ("x@example.org", 400, "", Unrecognised),
    ],
)
def test_each_answer_of_ses_has_its_word(answer, mailer, code, status, message, kind):
    answer(Refusal(status, code, message))
    with pytest.raises(kind) as caught:
        mailer.send(MAIL)
    assert "@" not in caught.value.reason


def test_the_sentence_of_ses_is_kept_without_addresses(answer, mailer):
    said = "Email address is not verified. It is: ada@example.org,\nin EU-WEST-3 <x@y.example>"
    answer(Refusal(400, "MessageRejected", said))
    with pytest.raises(Paused) as caught:
        mailer.send(MAIL)
    assert caught.value.sentence == "Email address is not verified. It is: … in EU-WEST-3 …"


def test_a_ses_that_is_not_there_is_unreachable(monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL_SESV2", "http://127.0.0.1:9")
    with pytest.raises(Unreachable, match="connection_failed"):
        Mailer().send(MAIL)


WHOLE = http(200, json.dumps({"MessageId": "0102"}).encode())


@pytest.mark.parametrize("answered", [WHOLE, http(200, b" " * 60, length=10_000)])
def test_an_answer_that_drips_ends_with_the_deadline(answer, answered):
    answer(Raw(answered, drip=0.02))
    started = time.monotonic()
    with pytest.raises(Unknown, match="deadline_passed"):
        Mailer(seconds=0.3).send(MAIL)
    assert time.monotonic() - started < 15


def test_an_answer_that_never_comes_ends_with_the_deadline(answer):
    answer("hang")
    with pytest.raises(Unknown, match="deadline_passed"):
        Mailer(seconds=0.2).send(MAIL)


def test_a_role_whose_fresh_credentials_have_expired_is_the_accounts_fault(mailer):
    # Raised by botocore's RefreshableCredentials, in these words.
    def expired(*_, **__):
        raise RuntimeError("Credentials were refreshed, but the refreshed credentials are expired")

    mailer._client.meta.events.register_first("before-sign.sesv2.SendEmail", expired)
    try:
        with pytest.raises(Paused, match="credentials"):
            mailer.send(MAIL)
    finally:
        mailer._client.meta.events.unregister("before-sign.sesv2.SendEmail", expired)
