"""The verifier of SNS messages, for all messages: what was signed is believed, nothing else is."""

from __future__ import annotations

import ssl
import threading
from datetime import UTC, datetime

import pytest
import urllib3
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given, settings
from hypothesis import strategies as st
from werkzeug.serving import make_server
from werkzeug.wrappers import Response

from leadmagnet.adapters import sns
from leadmagnet.errors import SnsUntrusted
from tests.support.signing import TOPIC, Authority

AUTHORITY = Authority()
TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=200)
# Of an envelope: what is signed, and what says how.
FIELDS = st.sampled_from(
    ["Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Signature", "SignatureVersion"]
)
few = settings(max_examples=60, deadline=None, database=None, derandomize=True)


def verify(message):
    sns.verify(
        message,
        topics=frozenset((TOPIC,)),
        public_key=lambda *_: AUTHORITY.key.public_key(),
        now=datetime.now(UTC),
    )


@few
@given(payload=TEXTS, message_id=TEXTS, subject=TEXTS)
def test_whatever_was_signed_is_believed(payload, message_id, subject):
    verify(AUTHORITY.message(payload, MessageId=message_id, Subject=subject))


@few
@given(payload=TEXTS, field=FIELDS, value=TEXTS)
def test_whatever_was_changed_afterwards_is_not(payload, field, value):
    message = AUTHORITY.message(payload, Subject="s")
    if message[field] != value:
        with pytest.raises(SnsUntrusted):
            verify(message | {field: value})


@few
@given(position=st.integers(0, 255), bit=st.integers(0, 7), payload=TEXTS)
def test_a_signature_with_one_bit_flipped_is_none(position, bit, payload):
    from base64 import b64decode, b64encode

    message = AUTHORITY.message(payload)
    signature = bytearray(b64decode(message["Signature"]))
    signature[position] ^= 1 << bit
    with pytest.raises(SnsUntrusted):
        verify(message | {"Signature": b64encode(signature).decode()})


@few
@given(url=TEXTS | st.text("htps:/.snamzoweu-3@#?&", max_size=120).map("https://".__add__))
def test_no_other_place_is_asked_for_a_certificate(url):
    def asked(*_):
        raise AssertionError(url)

    message = AUTHORITY.message("x") | {"SigningCertURL": url}
    with pytest.raises(SnsUntrusted):
        sns.verify(message, topics=frozenset((TOPIC,)), public_key=asked, now=datetime.now(UTC))


@pytest.mark.parametrize(
    ("region", "host"),
    [
        ("us-west-2", "sns.us-west-2.amazonaws.com"),
        ("eu-central-1", "sns.eu-central-1.amazonaws.com"),
        ("af-south-1", "sns.af-south-1.amazonaws.com"),
        ("cn-north-1", "sns.cn-north-1.amazonaws.com.cn"),
        ("us-gov-west-1", "sns.us-gov-west-1.amazonaws.com"),
        ("eusc-de-east-1", "sns.eusc-de-east-1.amazonaws.eu"),
    ],
)
def test_each_region_has_its_own_host_by_awss_tables(region, host):
    topic = TOPIC.replace("eu-west-3", region)
    url = f"https://{host}/SimpleNotificationService-{'0' * 32}.pem"
    message = AUTHORITY.message("x", TopicArn=topic, SigningCertURL=url)

    def verified(message, urls):
        sns.verify(
            message,
            topics=frozenset((topic,)),
            public_key=lambda url, _: urls.append(url) or AUTHORITY.key.public_key(),
            now=datetime.now(UTC),
        )

    asked = []
    verified(message, asked)
    assert asked == [url]
    other = host.replace(".amazonaws", ".amazonaws.evil")
    with pytest.raises(SnsUntrusted, match="certificate_url"):
        verified(message | {"SigningCertURL": url.replace(host, other)}, asked)
    assert asked == [url]


@pytest.mark.parametrize("region", ["nowhere", "eu-west-3.evil.example/", "", "eu-west-3\n"])
def test_what_is_no_region_has_no_host(region):
    with pytest.raises(SnsUntrusted, match="region"):
        sns.host_of(region)


def test_a_host_that_no_authority_vouches_for_gives_no_certificate(tmp_path):
    """TLS is what a certificate is believed by: a server of our own making is refused."""
    authority = Authority("localhost")
    key = authority.key.private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, encryption_algorithm=NoEncryption()
    )
    (tmp_path / "pem").write_bytes(key + authority.pem)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(tmp_path / "pem")
    with make_server("localhost", 0, Response(b"pem"), ssl_context=tls) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        with pytest.raises(urllib3.exceptions.SSLError, match="CERTIFICATE_VERIFY_FAILED"):
            sns.fetch(f"https://localhost:{server.server_port}/x.pem")
        thread.join()
