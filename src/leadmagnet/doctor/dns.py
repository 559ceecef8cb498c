"""The DNS, as mailbox providers ask it: DKIM, MAIL FROM, DMARC."""

from __future__ import annotations

from typing import Any

from leadmagnet.doctor.findings import Check, Finding, Skip, Surroundings, fail, ok, warn
from leadmagnet.doctor.identity import and_above, identity_of
from leadmagnet.doctor.settings import is_nobodys, sender_domain

SPF = "v=spf1 include:amazonses.com -all"


def dkim(given: Surroundings) -> Finding:
    _domain(given)
    domain, identity = _identity(given)
    attributes = identity.get("DkimAttributes", {})
    zone = attributes.get("SigningHostedZone") or "dkim.amazonses.com"
    tokens = attributes.get("Tokens", [])
    if not tokens:
        raise Skip("SES names no records for this identity")
    for token in tokens:
        name, wanted = f"{token}._domainkey.{domain}", f"{token}.{zone}"
        if wanted not in given.names.records(name, "CNAME"):
            return fail("a record of DKIM is missing", f"{name}. CNAME {wanted}.")
    return ok(f"{len(tokens)} records")


def mail_from(given: Surroundings) -> Finding:
    _domain(given)
    name = _identity(given)[1].get("MailFromAttributes", {}).get("MailFromDomain")
    if not name:
        raise Skip("SES has no MAIL FROM domain for this identity")
    exchange = f"feedback-smtp.{given.aws.region}.amazonses.com"
    found = given.names.records(name, "MX")
    if [record.rpartition(" ")[2] for record in found] != [exchange]:
        return fail(
            f"{name} needs this MX record, and no other" if found else "no MX record",
            f"{name}. MX 10 {exchange}.",
        )
    policies = [text for text in given.names.records(name, "TXT") if text.startswith("v=spf1")]
    if len(policies) != 1 or "include:amazonses.com" not in policies[0]:
        return fail("no SPF record that names Amazon", f'{name}. TXT "{SPF}"')
    return ok("MX and SPF")


def dmarc(given: Surroundings) -> Finding:
    domain = _domain(given)
    # A domain without a record of its own goes by that of the organisation's domain above it.
    for name in and_above(domain):
        records = given.names.records(f"_dmarc.{name}", "TXT")
        found = [text for text in records if text.replace(" ", "").startswith("v=DMARC1")]
        if len(found) > 1:
            return fail(f"{len(found)} DMARC records, so none counts", f"keep one at _dmarc.{name}")
        if found:
            return ok(_policy(found[0], above=name if name != domain else ""))
    return fail(
        "no DMARC record: large mailbox providers refuse such mail",
        f'_dmarc.{domain}. TXT "v=DMARC1; p=none"',
    )


def hosts(given: Surroundings) -> Finding:
    domain = _domain(given)
    if given.names.records(domain, "MX"):
        return ok(f"answers to mails of {domain} have a place to go")
    return warn(f"{domain} has no MX record: answers to our mails go nowhere", f"{domain}. MX 10 …")


def _policy(record: str, *, above: str) -> str:
    """The policy for mail of the domain; of a record above it, that for what is below."""
    tags = {
        name.strip(): value.strip()
        for name, _, value in (tag.partition("=") for tag in record.split(";"))
    }
    own = tags.get("p", "none")
    return f"p={tags.get('sp', own)}, of {above}" if above else f"p={own}"


def _domain(given: Surroundings) -> str:
    domain = sender_domain(given.services.config.mail_from)
    if is_nobodys(f".{domain}"):
        raise Skip(f"{domain} is a reserved example domain, which has no DNS")
    return domain


def _identity(given: Surroundings) -> tuple[str, dict[str, Any]]:
    if given.aws.mail_is_emulated:
        raise Skip("an emulator answers for SES")
    return identity_of(given)


CHECKS: dict[str, Check] = {
    "dkim": dkim,
    "mail from": mail_from,
    "dmarc": dmarc,
    "answers": hosts,
}
