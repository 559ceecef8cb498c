"""Normalises addresses on input; everything behind uses the normal form."""

from __future__ import annotations

import logging
from email.utils import parseaddr
from functools import cache

from email_validator import EmailSyntaxError, EmailUndeliverableError, validate_email

log = logging.getLogger(__name__)

# Mailboxes of machines and of duty (RFC 2142): no person there asked for a guide.
ROLES = frozenset(
    (
        *(
            "abuse",
            "bounce",
            "bounces",
            "do-not-reply",
            "donotreply",
            "hostmaster",
            "mailer-daemon",
        ),
        *("no-reply", "noc", "noreply", "postmaster", "root", "security", "usenet", "webmaster"),
    )
)


LONGEST = 254  # RFC 3696, erratum 1690: a path of RFC 5321 without its angle brackets


class AddressRefused(ValueError):
    """`code` is `email_invalid`, or `email_unsupported` for what Amazon SES cannot deliver to."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def normalise(email: str) -> str:
    """The address in ASCII and lower case, its domain in punycode (RFC 5891).

    No look-up in the DNS. Raises AddressRefused.
    """
    email = email.strip(" ")
    if len(email) > LONGEST or not email.isprintable():
        raise AddressRefused("email_invalid")
    local, at, _ = email.rpartition("@")
    if at and local and not local.isascii():
        # SES takes no SMTPUTF8 (RFC 6531) before the @.
        raise AddressRefused("email_unsupported")
    try:
        parsed = validate_email(
            email, check_deliverability=False, allow_smtputf8=False, strict=True
        )
    except (EmailSyntaxError, EmailUndeliverableError):
        raise AddressRefused("email_invalid") from None
    if parsed.ascii_email is None:
        raise AddressRefused("email_unsupported")
    return parsed.ascii_email.lower()


def folded(email: str) -> str:
    """The mailbox behind a normalised address: `ada+guide@…` is Ada's, as is every other tag, and
    at Gmail every placing of dots."""
    local, _, domain = email.rpartition("@")
    # A leading + starts no tag.
    local = local[:1] + local[1:].partition("+")[0]
    if domain in ("gmail.com", "googlemail.com"):
        local, domain = local.replace(".", ""), "gmail.com"
    return f"{local}@{domain}"


def mailable(email: str, *, sender: str, refuse_disposable: bool = False) -> bool:
    """False for role accounts (RFC 2142), for the sender itself and, if enabled, for disposable
    domains. The log says which, without the address."""
    reason = _unmailable(email, sender, refuse_disposable)
    if reason:
        log.info("address_ignored", extra={"reason": reason})
    return reason is None


def _unmailable(email: str, sender: str, refuse_disposable: bool) -> str | None:
    local, _, domain = email.rpartition("@")
    if local.partition("+")[0] in ROLES:
        return "role_account"
    # Not its whole domain: the owner tries it first, and a sender at gmail.com has many neighbours.
    if folded(email) == _own_address(sender):
        return "sender"
    return "disposable_domain" if refuse_disposable and _disposable(domain) else None


def _disposable(domain: str) -> bool:
    # A list of ten thousand names, read only where it is asked for.
    from disposable_email_domains import blocklist

    labels = domain.split(".")
    return any(".".join(labels[start:]) in blocklist for start in range(len(labels) - 1))


@cache
def _own_address(sender: str) -> str:
    return folded(parseaddr(sender)[1].lower())


def masked(email: str) -> str:
    """Enough for its owner to know it again, too little for anyone else: `a•••@e•••.org`."""
    local, _, domain = email.rpartition("@")
    name, dot, tld = domain.rpartition(".")
    return f"{local[0]}•••@{name[:1]}•••{dot}{tld}"
