"""One normalisation: what it lets through is plain, and normalising twice is normalising once."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from leadmagnet import addresses
from leadmagnet.addresses import AddressRefused

# lm_subscribers' own rule.
TABLES_RULE = re.compile(r"[\x21-\x7e]+@[\x21-\x7e]+")
PLAIN = st.from_regex(r"\A[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,70}@[A-Za-z0-9.-]{1,80}\.[a-z]{2,6}\Z")
WILD = st.text(max_size=330) | st.builds("{}@{}".format, st.text(max_size=80), st.text(max_size=80))
DOMAINS = st.builds(
    "ada@{}.{}".format, st.text(min_size=1, max_size=40), st.sampled_from(("fr", "рф", "example"))
)


def normalised(text):
    try:
        return addresses.normalise(text)
    except AddressRefused as refused:
        assert refused.code in ("email_invalid", "email_unsupported")
        return None


@settings(max_examples=400, deadline=None, derandomize=True, database=None)
@given(PLAIN | WILD | DOMAINS | st.emails())
@example("ada@" + "x" * 300)
@example("a\u202e@x.fr")
@example("ada@xn--mnchen-3ya.de")
@example("ada@MÜNCHEN.de")
@example("İ@x.fr")
@example("ada@İ.fr")
@example("ada@ß.de")
@example("@")
@example("a@x.fr\n")
def test_the_normaliser_refuses_with_its_own_word_or_gives_what_the_table_takes(text):
    email = normalised(text)
    if email is None:
        return
    assert email.isascii()
    assert email == email.lower()
    assert len(email) <= 254
    assert TABLES_RULE.fullmatch(email)
    assert normalised(email) == email
    assert normalised(f"  {email.upper()} ") == email


@pytest.mark.parametrize("local", ["x", "é"])
def test_an_address_longer_than_the_contract_says_is_invalid_whatever_is_in_it(local):
    with pytest.raises(AddressRefused, match="email_invalid"):
        addresses.normalise(f"{local}@{'x' * 250}.fr")


@settings(max_examples=200, deadline=None, derandomize=True, database=None)
@given(PLAIN | st.emails(), st.from_regex(r"\A[a-z0-9+]{0,9}\Z"))
def test_folding_takes_the_tag_off_and_nothing_else(text, tag):
    email = normalised(text)
    if email is None:
        return
    local, _, domain = email.rpartition("@")
    folded = addresses.folded(email)
    assert addresses.folded(folded) == folded
    assert folded.endswith(f"@{domain}")
    assert addresses.folded(f"{local}+{tag}@{domain}") == folded


@pytest.mark.parametrize(
    ("email", "folded"),
    [
        ("ada@example.org", "ada@example.org"),
        ("ada+guide@example.org", "ada@example.org"),
        ("ada+a+b@example.org", "ada@example.org"),
        ("+33@example.org", "+33@example.org"),
        ("ada.l@example.org", "ada.l@example.org"),
    ],
)
def test_a_tag_begins_with_a_plus_that_is_not_the_first_character(email, folded):
    assert addresses.folded(email) == folded


@pytest.mark.parametrize(
    ("email", "reason"),
    [
        ("owner@studio.example", None),
        ("ada@gmail.com", None),
        ("guide@studio.example", "sender"),
        ("guide+test@studio.example", "sender"),
        ("postmaster@studio.example", "role_account"),
        ("noreply+1@example.org", "role_account"),
    ],
)
def test_only_the_senders_own_address_and_role_accounts_are_ignored_and_the_log_says_why(
    log_lines, email, reason
):
    assert addresses.mailable(email, sender="Studio <Guide@Studio.example>") == (reason is None)
    lines = "".join(log_lines())
    assert (f'"reason": "{reason}"' in lines) == (reason is not None)
    assert email not in lines


@pytest.mark.parametrize("domain", ["yopmail.com", "mailinator.com", "sub.yopmail.com"])
def test_disposable_domains_are_known_when_asked_for(domain):
    sender = "guide@studio.example"
    assert addresses.mailable(f"ada@{domain}", sender=sender)
    assert not addresses.mailable(f"ada@{domain}", sender=sender, refuse_disposable=True)


@pytest.mark.parametrize("domain", ["gmail.com", "orange.fr", "example.org", "com"])
def test_other_domains_are_not_disposable(domain):
    sender = "guide@studio.example"
    assert addresses.mailable(f"ada@{domain}", sender=sender, refuse_disposable=True)
