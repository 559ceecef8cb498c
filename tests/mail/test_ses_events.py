"""What SES tells: verified before it is believed, stored once, and the strongest state wins."""

from __future__ import annotations

import itertools
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import urllib3
from moto import mock_aws

from leadmagnet.adapters import sns
from leadmagnet.adapters.sns import Certificates
from tests.support.client import client_of, confirm, problem, sign_up
from tests.support.database import NOWHERE
from tests.support.settings import ADA, API
from tests.support.signing import CERTIFICATE_URL, HOST, TOPIC, Authority

HOOK = f"{API}/webhooks/ses"


@pytest.fixture(scope="module")
def authority():
    return Authority()


class Fetched:
    """Answers with a certificate and remembers what was asked for."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.urls = []

    def __call__(self, url):
        self.urls.append(url)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture
def fetched(authority):
    return Fetched(authority.pem)


@pytest.fixture
def hook(start, authority, fetched):
    services = start(SNS_TOPICS=TOPIC)
    certificates = Certificates(fetched)
    client = client_of(replace(services, certificates=certificates))
    return lambda message, **kwargs: post(client, message, **kwargs)


def post(client, message, content_type="text/plain; charset=UTF-8", **kwargs):
    data = message if isinstance(message, bytes) else json.dumps(message)
    return client.post(HOOK, data=data, content_type=content_type, **kwargs)


@pytest.fixture
def outbox_id(client, mailbox, database):
    """Of a mail that was sent to Ada, who has not confirmed."""
    sign_up(client)
    mailbox.deliver()
    return database.value("SELECT id FROM lm_outbox")


def event(type_="Bounce", outbox_id=None, recipient=ADA, shape="eventType", **details):
    tags = {"tags": {"outbox_id": [str(outbox_id)], "kind": ["confirm"]}} if outbox_id else {}
    body = {shape: type_, "mail": {"messageId": "ses-1", "destination": [recipient], **tags}}
    if type_ == "Bounce":
        body["bounce"] = {
            "bounceType": "Permanent",
            "bounceSubType": "General",
            "bouncedRecipients": [
                {"emailAddress": recipient, "diagnosticCode": "550 no such user"}
            ],
        } | details
    elif type_ == "Complaint":
        body["complaint"] = {
            "complainedRecipients": [{"emailAddress": recipient}],
            "complaintFeedbackType": "abuse",
        } | details
    return body


def status(database):
    return database.value("SELECT status FROM lm_subscribers")


@pytest.mark.parametrize("content_type", ["text/plain; charset=UTF-8", "application/json", None])
def test_a_permanent_bounce_marks_the_subscriber_and_the_ledger(
    hook, authority, database, outbox_id, content_type
):
    answer = hook(authority.message(event(outbox_id=outbox_id)), content_type=content_type)
    assert answer.status_code == 200
    assert status(database) == "bounced"
    (row,) = database.rows("SELECT type, detail, outbox_id FROM lm_ses_events")
    assert row == {"type": "Bounce", "detail": "Permanent/General", "outbox_id": outbox_id}
    (ledger,) = database.rows("SELECT type, gesture FROM lm_consent_events WHERE type <> 'signup'")
    assert ledger == {"type": "bounce", "gesture": "ses_event"}


def test_a_complaint_ends_the_newsletter_too(hook, authority, database, outbox_id):
    database.rows(
        "UPDATE lm_subscribers SET status='confirmed', confirmed_at=now(), newsletter=true"
    )
    hook(authority.message(event("Complaint", outbox_id)))
    (row,) = database.rows("SELECT status, newsletter FROM lm_subscribers")
    assert row == {"status": "complained", "newsletter": False}


def test_both_shapes_are_understood(hook, authority, database, outbox_id):
    hook(authority.message(event(outbox_id=outbox_id, shape="notificationType")))
    assert status(database) == "bounced"


def test_without_a_tag_the_mails_id_finds_its_subscriber(hook, authority, database, outbox_id):
    sent = database.value("SELECT message_id FROM lm_outbox")
    body = event()
    body["mail"]["messageId"] = sent
    hook(authority.message(body))
    assert status(database) == "bounced"


@pytest.mark.parametrize("type_", ["Bounce", "Complaint", "Reject"])
@pytest.mark.parametrize("tagged", [True, False], ids=["our tag", "a foreign message id"])
def test_an_event_is_believed_of_the_mail_with_its_recipient_alone(
    hook, client, authority, database, outbox_id, log_lines, type_, tagged
):
    """Another sender of the account may mail the same people, and a tag may be anybody's text."""
    sign_up(client, "grace@example.org")
    before = database.checksum(without=("lm_ses_events",))
    stranger = event(type_, outbox_id if tagged else None, recipient="grace@example.org")
    assert hook(authority.message(stranger)).status_code == 200
    assert database.checksum(without=("lm_ses_events",)) == before
    (row,) = database.rows("SELECT type, subscriber_id, outbox_id FROM lm_ses_events")
    assert row == {"type": type_, "subscriber_id": None, "outbox_id": None}
    lines = "".join(log_lines())
    assert '"event": "ses_event_unmatched"' in lines
    assert "grace@" not in lines


@pytest.mark.parametrize("form", ["Ada <{}>", '"Lovelace, Ada" <{}>', "<{}>", "{}"])
def test_a_recipient_in_display_form_is_understood(hook, authority, database, outbox_id, form):
    hook(authority.message(event(outbox_id=outbox_id, recipient=form.format(ADA.title()))))
    assert status(database) == "bounced"


def test_the_greeting_of_a_new_subscription_is_no_event(hook, authority, database):
    greeting = "Successfully validated SNS topic for Amazon SES event publishing."
    assert hook(authority.message(greeting)).status_code == 200
    assert database.count("lm_ses_events") == 0


@pytest.mark.parametrize(
    "details",
    [
        {"bounceType": "Transient", "bounceSubType": "General"},
        {"bounceType": "Transient", "bounceSubType": "MailboxFull"},
        {"bounceType": "Undetermined", "bounceSubType": "Undetermined"},
    ],
)
def test_a_passing_bounce_is_counted_and_changes_nobody(
    hook, authority, database, outbox_id, details
):
    assert hook(authority.message(event(outbox_id=outbox_id, **details))).status_code == 200
    assert status(database) == "pending"
    assert database.value("SELECT detail FROM lm_ses_events") == "/".join(details.values())


def test_the_account_suppression_list_is_told_by_its_name(hook, authority, database, outbox_id):
    hook(authority.message(event(outbox_id=outbox_id, bounceSubType="OnAccountSuppressionList")))
    assert status(database) == "bounced"
    assert database.value("SELECT detail FROM lm_ses_events").endswith("OnAccountSuppressionList")


def test_ten_times_the_same_message_at_once_is_one_row(hook, authority, database, outbox_id):
    message = authority.message(event(outbox_id=outbox_id))
    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda _: hook(message).status_code, range(10)))
    assert answers == [200] * 10
    assert database.count("lm_ses_events") == 1
    assert database.value("SELECT count(*) FROM lm_consent_events WHERE type = 'bounce'") == 1


def test_what_is_stored_names_nobody(hook, authority, database, outbox_id):
    hook(authority.message(event(outbox_id=outbox_id)))
    stored = database.value("SELECT e::text FROM lm_ses_events e")
    assert "example.org" not in stored
    assert "no such user" not in stored


def test_an_event_that_comes_before_our_mark_settles_the_mail(hook, client, authority, database):
    sign_up(client)
    database.rows("UPDATE lm_outbox SET claims = 1, due_at = now() + interval '2 minutes'")
    outbox_id = database.value("SELECT id FROM lm_outbox")
    hook(authority.message(event("Delivery", outbox_id)))
    (row,) = database.rows("SELECT state, message_id FROM lm_outbox")
    assert row == {"state": "sent", "message_id": "ses-1"}


def test_a_mail_that_ses_rejects_is_dead(hook, authority, database, outbox_id):
    hook(authority.message(event("Reject", outbox_id)))
    (row,) = database.rows("SELECT state, reason, sent_at FROM lm_outbox")
    assert row == {"state": "dead", "reason": "Reject", "sent_at": None}


def test_an_event_about_somebody_erased_brings_nothing_back(hook, authority, database, outbox_id):
    database.rows("DELETE FROM lm_subscribers")
    assert hook(authority.message(event(outbox_id=outbox_id))).status_code == 200
    assert database.count("lm_subscribers") == database.count("lm_outbox") == 0
    assert database.value("SELECT subscriber_id FROM lm_ses_events") is None


def test_an_erased_persons_old_event_leaves_her_new_signup_alone(
    hook, client, authority, database, outbox_id
):
    database.rows("DELETE FROM lm_subscribers")
    sign_up(client)
    hook(authority.message(event("Complaint", outbox_id)))
    assert status(database) == "pending"


def test_an_erasure_takes_the_events_along(hook, authority, database, outbox_id):
    hook(authority.message(event(outbox_id=outbox_id)))
    database.rows("DELETE FROM lm_subscribers")
    assert database.count("lm_ses_events") == 0


@pytest.mark.parametrize(
    ("before", "type_", "after"),
    [
        ("confirmed", "Bounce", "bounced"),
        ("unsubscribed", "Bounce", "unsubscribed"),
        ("complained", "Bounce", "complained"),
        ("unsubscribed", "Complaint", "complained"),
        ("bounced", "Complaint", "complained"),
        ("confirmed", "Delivery", "confirmed"),
    ],
)
def test_the_strongest_state_wins(hook, authority, database, outbox_id, before, type_, after):
    database.rows("UPDATE lm_subscribers SET status = %s, confirmed_at = now()", before)
    hook(authority.message(event(type_, outbox_id)))
    assert status(database) == after


def test_a_report_that_it_is_no_spam_changes_nobody(hook, authority, database, outbox_id):
    hook(authority.message(event("Complaint", outbox_id, complaintFeedbackType="not-spam")))
    assert status(database) == "pending"


def five_events(outbox_id, recipient):
    return [
        event("Send", outbox_id, recipient),
        event("Delivery", outbox_id, recipient),
        event("Bounce", outbox_id, recipient, bounceType="Transient"),
        event("Bounce", outbox_id, recipient),
        event("Complaint", outbox_id, recipient),
    ]


def test_all_orders_of_five_events_doubled_end_in_one_state(hook, authority, client, database):
    """A sample of the 120 orders; the fault campaign runs them all."""
    orders = list(itertools.permutations(range(5)))[::10]
    for number in range(len(orders)):
        sign_up(client, f"ada{number}@example.org")
    database.rows("UPDATE lm_outbox SET claims = 1, due_at = now() + interval '1 hour'")
    ids = [row["id"] for row in database.rows("SELECT id FROM lm_outbox ORDER BY id")]
    for number, (outbox_id, order) in enumerate(zip(ids, orders, strict=True)):
        events = five_events(outbox_id, f"ada{number}@example.org")
        messages = [authority.message(event) for event in events]
        for index in order:
            for _ in range(2):
                assert hook(messages[index]).status_code == 200
    assert database.rows("SELECT DISTINCT status FROM lm_subscribers") == [{"status": "complained"}]
    assert database.rows("SELECT DISTINCT state FROM lm_outbox") == [{"state": "sent"}]
    assert database.count("lm_ses_events") == 5 * len(orders)


# Before it is believed


def test_a_strangers_topic_is_refused_before_any_request_leaves(
    hook, authority, fetched, log_lines
):
    message = authority.message(event(), TopicArn=TOPIC + "-other")
    assert problem(hook(message)) == (403, "message_untrusted")
    assert fetched.urls == []
    (line,) = [line for line in log_lines() if "sns_message_refused" in line]
    assert '"reason": "topic"' in line


def test_without_topics_nobody_is_believed(client, authority):
    assert problem(post(client, authority.message(event()))) == (403, "message_untrusted")


@pytest.mark.parametrize("field", ["Message", "MessageId", "Timestamp"])
def test_a_changed_message_is_refused(hook, authority, database, field):
    message = authority.message(event())
    changed = {"Timestamp": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.999Z")}
    assert problem(hook(message | {field: changed.get(field, "{}")})) == (403, "message_untrusted")
    assert database.count("lm_ses_events") == 0


@pytest.mark.parametrize("signature", [None, "", "%%%", "AAAA", 7, "é"])
def test_a_message_without_a_true_signature_is_refused(hook, authority, signature):
    message = authority.message(event()) | {"Signature": signature}
    if signature is None:
        del message["Signature"]
    assert problem(hook(message)) == (403, "message_untrusted")


@pytest.mark.parametrize("version", ["1", "3", 2, None])
def test_any_other_signature_version_is_refused(hook, authority, version):
    message = authority.message(event(), SignatureVersion=version)
    assert problem(hook(message)) == (403, "message_untrusted")


def test_a_version_one_signature_is_refused_even_if_labelled_two(hook, authority):
    message = authority.message(event())
    message["Signature"] = authority.signature(message, version="1")
    assert problem(hook(message)) == (403, "message_untrusted")


ELSEWHERE = [
    CERTIFICATE_URL.replace("https", "http"),
    CERTIFICATE_URL.replace("eu-west-3", "us-east-1"),
    CERTIFICATE_URL.replace(HOST, "https://sns.eu-west-3.amazonaws.com.evil.example"),
    CERTIFICATE_URL.replace(HOST, "https://evil.example"),
    CERTIFICATE_URL.replace("https://", "https://sns.eu-west-3.amazonaws.com@evil.example/"),
    CERTIFICATE_URL.replace(".com/", ".com:8443/"),
    CERTIFICATE_URL.replace(".com/", ".com/x/"),
    CERTIFICATE_URL.replace(".com/", ".com/../"),
    CERTIFICATE_URL + "?x=1",
    CERTIFICATE_URL + "\n",
    CERTIFICATE_URL.upper(),
    "http://169.254.169.254/latest/meta-data/",
    None,
    7,
]


def test_a_certificate_from_anywhere_else_is_not_fetched(hook, authority, fetched, subtests):
    for url in ELSEWHERE:
        with subtests.test(str(url)):
            message = authority.message(event(), SigningCertURL=url)
            assert problem(hook(message)) == (403, "message_untrusted")
            assert fetched.urls == []


@pytest.mark.parametrize("age", [timedelta(days=8), -timedelta(minutes=20)])
def test_a_message_from_another_time_is_refused(hook, authority, age):
    stamp = (datetime.now(UTC) - age).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    assert problem(hook(authority.message(event(), Timestamp=stamp))) == (403, "message_untrusted")


def test_a_retry_of_some_hours_later_is_believed(hook, authority):
    stamp = (datetime.now(UTC) - timedelta(hours=23)).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    assert hook(authority.message(event(), Timestamp=stamp)).status_code == 200


def test_a_subject_is_part_of_what_is_signed(hook, authority):
    message = authority.message(event(), Subject="Amazon SES Email Event Notification")
    assert hook(message).status_code == 200
    assert problem(hook(message | {"Subject": "other"})) == (403, "message_untrusted")


# Certificates


def test_a_certificate_is_fetched_once_and_remembered(hook, authority, fetched):
    for _ in range(3):
        assert hook(authority.message(event())).status_code == 200
    assert fetched.urls == [CERTIFICATE_URL]


@pytest.mark.parametrize(
    "failure",
    [
        urllib3.exceptions.HTTPError("302"),
        b"",
        b"-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----",
        b"\xff" * 100,
    ],
)
def test_a_certificate_that_cannot_be_had_is_our_trouble_and_not_asked_for_again_at_once(
    authority, failure
):
    now = [0.0]
    fetched = Fetched(failure, authority.pem)
    certificates = Certificates(fetched, clock=lambda: now[0])

    def ask(url=CERTIFICATE_URL, network="203.0.113.7"):
        return certificates.public_key(url, datetime.now(UTC), network=network)

    for at in (0.0, 9.0):
        now[0] = at
        with pytest.raises(sns.Unavailable):
            ask()
        # Neither the same by others, nor others by the same.
        with pytest.raises(sns.Unavailable):
            ask(network="198.51.100.7")
        with pytest.raises(sns.Unavailable):
            ask(url=CERTIFICATE_URL.replace("0123", "4567"))
    assert len(fetched.urls) == 1
    ask(url=CERTIFICATE_URL.replace("0123", "4567"), network="198.51.100.7")
    now[0] = 11.0
    assert ask() == authority.key.public_key()


def test_unsigned_messages_with_our_topics_name_do_not_make_the_api_fetch(
    start, authority, log_lines
):
    """Sixty-four at once, each with a certificate of its own name, and one genuine afterwards."""
    fetched = Fetched(urllib3.exceptions.HTTPError("status 404"))
    services = replace(start(SNS_TOPICS=TOPIC), certificates=Certificates(fetched))
    client = client_of(services)
    message = authority.message(event()) | {"Signature": "AAAA"}

    def forged(number):
        url = CERTIFICATE_URL.replace("0123", f"{number:04}")
        return problem(post(client.application.test_client(), message | {"SigningCertURL": url}))

    with ThreadPoolExecutor(16) as pool:
        assert set(pool.map(forged, range(64))) == {(503, "service_unavailable")}
    assert len(fetched.urls) == 1
    assert '"reason": "sns_certificate_failed_before"' in "".join(log_lines())


def test_only_one_certificate_is_fetched_at_a_time(authority):
    asked, release = threading.Event(), threading.Event()

    def slow(url):
        asked.set()
        assert release.wait(30)
        return authority.pem

    certificates = Certificates(slow)
    ask = lambda: certificates.public_key(CERTIFICATE_URL, datetime.now(UTC), network="a")
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(ask)
        assert asked.wait(30)
        with pytest.raises(sns.Unavailable, match="busy"):
            certificates.public_key(
                CERTIFICATE_URL.replace("0123", "4567"), datetime.now(UTC), network="b"
            )
        release.set()
        assert first.result() == authority.key.public_key()


UNUSABLE = {
    "expired": {"starts": datetime.now(UTC) - timedelta(days=91)},
    "not yet valid": {"starts": datetime.now(UTC) + timedelta(days=1)},
}


@pytest.mark.parametrize("flaw", UNUSABLE.values(), ids=UNUSABLE.keys())
def test_a_certificate_that_nobody_should_trust_is_not_believed(start, flaw, database):
    other = Authority(**flaw)
    certificates = Certificates(Fetched(other.pem))
    services = replace(start(SNS_TOPICS=TOPIC), certificates=certificates)
    answer = post(client_of(services), other.message(event()))
    assert problem(answer) == (503, "service_unavailable")
    assert database.count("lm_ses_events") == 0


def test_the_memory_of_certificates_is_bounded(authority):
    certificates = Certificates(Fetched(authority.pem), most=3)
    for number in range(10):
        url = CERTIFICATE_URL.replace("0123", f"{number:04}")
        certificates.public_key(url, datetime.now(UTC), network="203.0.113.7")
    assert len(certificates._known) == 3


@pytest.fixture
def certificate_host():
    """A server on a loopback port, and a pool that sends every request there."""
    from werkzeug.serving import make_server
    from werkzeug.wrappers import Response

    answers = {}

    def app(environ, start_response):
        answer = answers["app"]
        return (answer if isinstance(answer, Response) else answer())(environ, start_response)

    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()

    class Rerouted(urllib3.PoolManager):
        def request(self, method, url, **kwargs):
            return super().request(method, f"http://127.0.0.1:{server.server_port}/x", **kwargs)

    def answering(answer):
        answers["app"] = answer
        started = time.monotonic()
        with Rerouted() as pool:
            try:
                return sns.fetch(CERTIFICATE_URL, pool=pool)
            finally:
                assert time.monotonic() - started < 15

    answering.Response = Response
    yield answering
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_small_file_is_fetched(certificate_host):
    assert certificate_host(certificate_host.Response(b"pem")) == b"pem"


def test_what_is_no_small_file_is_given_up_within_seconds(certificate_host, monkeypatch):
    gone = threading.Event()

    def hang():
        gone.wait(30)
        return certificate_host.Response(b"late")

    def drip():
        def pieces():
            while not gone.wait(0.2):
                yield b"x"

        return certificate_host.Response(pieces())

    redirect = {"Location": "http://169.254.169.254/"}
    for answer in (
        certificate_host.Response(status=302, headers=redirect),
        certificate_host.Response(status=404),
        certificate_host.Response(b"x" * 5_000_000),
    ):
        with pytest.raises(urllib3.exceptions.HTTPError):
            certificate_host(answer)
    monkeypatch.setattr(sns, "FETCH_SECONDS", 0.5)
    for answer in (hang, drip):
        with pytest.raises(urllib3.exceptions.HTTPError):
            certificate_host(answer)
    gone.set()


# Envelopes


NO_MESSAGES = [
    {"Type": "Other"},
    {"Type": None},
    {"Type": ["Notification"]},
    {"Message": None},
    {"Message": {"eventType": "Bounce"}},
    {"MessageId": 7},
    {"MessageId": "x" * 201},
    {"MessageId": "a\u0000b"},
    {"TopicArn": None},
    {"Timestamp": 7},
    {"Subject": 7},
]


def test_what_is_not_shaped_like_a_message_of_sns_is_a_400(hook, authority, subtests):
    for changes in NO_MESSAGES:
        with subtests.test(str(changes)):
            message = authority.message(event()) | changes
            assert problem(hook(message)) == (400, "message_malformed")


def test_a_header_that_says_another_type_is_a_400(hook, authority):
    headers = {"x-amz-sns-message-type": "SubscriptionConfirmation"}
    answer = hook(authority.message(event()), headers=headers)
    assert problem(answer) == (400, "message_malformed")


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"\xff", b"[" * 5000, b"\x1f\x8b\x08\x00"])
def test_what_is_no_json_object_is_a_400(hook, body):
    assert problem(hook(body)) == (400, "json_malformed")


def test_a_body_beyond_what_sns_sends_is_a_413(hook, authority):
    assert hook(authority.message("x" * 250_000)).status_code == 200
    assert problem(hook(authority.message("x" * 300_000))) == (413, "body_too_large")


@pytest.mark.parametrize(
    "text",
    [
        "null",
        "[]",
        "7",
        "{}",
        '{"eventType": 7}',
        '{"eventType": "Bounce"}',
        '{"eventType": "Bounce", "bounce": 7, "mail": 7}',
        '{"eventType": "Bounce", "bounce": {"bounceType": ["Permanent"], "bouncedRecipients": 7}}',
        '{"eventType": "a\\u0000b"}',
        '{"eventType": "Bounce", "mail": {"tags": {"outbox_id": ["99999999999999999999"]}}}',
        '{"eventType": "Bounce", "mail": {"tags": {"outbox_id": "1"}, "messageId": "a\\u0000"}}',
        "[" * 5000,
        "\x00",
    ],
)
def test_a_signed_message_that_is_not_understood_is_kept_and_told_of(
    start, hook, authority, database, outbox_id, log_lines, text
):
    for _ in range(2):
        assert hook(authority.message(text, MessageId="odd-1")).status_code == 200
    assert status(database) == "pending"
    (row,) = database.rows("SELECT type, subscriber_id FROM lm_ses_events")
    assert row == {"type": "unreadable", "subscriber_id": None}
    assert "".join(log_lines()).count('"event": "ses_event_unreadable"') == 1
    operator = client_of(start(METRICS_TOKEN="m" * 32))
    metrics = operator.get("/metrics", headers={"Authorization": f"Bearer {'m' * 32}"}).text
    assert 'leadmagnet_ses_events_last_day{matched="false",type="unreadable"} 1.0' in metrics


def test_a_get_is_a_405(client):
    for method in ("GET", "HEAD", "PUT"):
        assert client.open(HOOK, method=method).status_code == 405


def test_a_database_that_is_away_is_a_503_and_the_retry_works(start, hook, authority, database):
    away = start(SNS_TOPICS=TOPIC, DATABASE_URL=NOWHERE)
    certificates = Certificates(Fetched(authority.pem))
    message = authority.message(event())
    answer = post(client_of(replace(away, certificates=certificates)), message)
    assert problem(answer) == (503, "service_unavailable")
    assert hook(message).status_code == 200


# Subscriptions


def subscription(authority, **changes):
    return authority.message(
        "You have chosen to subscribe to the topic.",
        **{
            "Type": "SubscriptionConfirmation",
            "Token": "2336412f37",
            "SubscribeURL": "http://169.254.169.254/latest/meta-data/",
        }
        | changes,
    )


def test_a_subscription_to_our_topic_is_confirmed_through_the_api(start, authority, fetched):
    confirmed = []
    services = replace(
        start(SNS_TOPICS=TOPIC),
        certificates=Certificates(fetched),
        confirm_sns_topic=lambda *args: confirmed.append(args),
    )
    assert post(client_of(services), subscription(authority)).status_code == 200
    assert confirmed == [(TOPIC, "2336412f37")]
    assert fetched.urls == [CERTIFICATE_URL]


def test_a_subscription_to_anothers_topic_leads_to_no_request(hook, authority, fetched):
    message = subscription(authority, TopicArn=TOPIC + "-other")
    assert problem(hook(message)) == (403, "message_untrusted")
    assert fetched.urls == []


def test_the_api_confirms_what_sns_knows_and_says_when_it_does_not(monkeypatch):
    import boto3

    monkeypatch.delenv("AWS_ENDPOINT_URL_SESV2")
    with mock_aws():
        client = boto3.client("sns", region_name="eu-west-3")
        topic = client.create_topic(Name="leadmagnet")["TopicArn"]
        sns.confirm_sns_topic(topic, "2336412f37")
    monkeypatch.setenv("AWS_ENDPOINT_URL_SNS", "http://127.0.0.1:9")
    with pytest.raises(sns.Unavailable):
        sns.confirm_sns_topic(topic, "2336412f37")


def test_the_end_of_a_subscription_is_an_alarm_and_no_more(hook, authority, database, log_lines):
    message = subscription(authority, Type="UnsubscribeConfirmation")
    assert hook(message).status_code == 200
    assert '"event": "sns_unsubscribed"' in "".join(log_lines())


def test_confirming_after_a_bounce_lifts_it(hook, client, authority, mailbox, database):
    sign_up(client)
    token = mailbox.deliver().token()
    outbox_id = database.value("SELECT id FROM lm_outbox")
    hook(authority.message(event(outbox_id=outbox_id)))
    assert confirm(client, token).json["status"] == "confirmed"
