"""The verifier of SNS messages, for all messages: what was signed is believed, nothing else is."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

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
