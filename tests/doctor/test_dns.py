"""What mailbox providers ask the DNS for, each missing once; a real DNS server answers."""

from __future__ import annotations

import socket
import threading
from dataclasses import replace

import dns.flags
import dns.message
import dns.resolver
import dns.rrset
import pytest
from botocore.stub import Stubber

from leadmagnet.adapters.names import Names, NamesUnknown
from leadmagnet.doctor.dns import CHECKS
from leadmagnet.doctor.examination import made

DOMAIN = "studio.photo"
IDENTITY = {
    "DkimAttributes": {"Tokens": ["aaa", "bbb"], "Status": "PENDING", "SigningEnabled": True},
    "MailFromAttributes": {
        "MailFromDomain": f"bounces.{DOMAIN}",
        "MailFromDomainStatus": "PENDING",
        "BehaviorOnMxFailure": "USE_DEFAULT_VALUE",
    },
}
RECORDS = {
    (f"aaa._domainkey.{DOMAIN}", "CNAME"): ["aaa.dkim.amazonses.com."],
    (f"bbb._domainkey.{DOMAIN}", "CNAME"): ["BBB.dkim.amazonses.com."],
    (f"bounces.{DOMAIN}", "MX"): ["10 feedback-smtp.eu-west-3.amazonses.com."],
    (f"bounces.{DOMAIN}", "TXT"): ['"v=spf1 include:" "amazonses.com -all"'],
    (f"_dmarc.{DOMAIN}", "TXT"): ['"v=DMARC1; p=quarantine"'],
    (DOMAIN, "MX"): ["10 mx.studio.photo."],
}


class Server:
    """Answers what `records` holds, and nothing else."""

    def __init__(self, records):
        self.records = records
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.thread = threading.Thread(target=self._serve)
        self.thread.start()

    def _serve(self):
        while True:
            data, client = self.socket.recvfrom(4096)
            if data == b"end":
                return
            query = dns.message.from_wire(data)
            answer = dns.message.make_response(query)
            question = query.question[0]
            name = question.name.to_text(omit_final_dot=True)
            kind = dns.rdatatype.to_text(question.rdtype)
            if found := self.records.get((name, kind)):
                answer.answer.append(dns.rrset.from_text(question.name, 60, "IN", kind, *found))
            self.socket.sendto(answer.to_wire(), client)

    def names(self):
        resolver = dns.resolver.Resolver(configure=False)
        host, resolver.port = self.socket.getsockname()
        resolver.nameservers = [host]
        return Names(resolver)

    def end(self):
        self.socket.sendto(b"end", self.socket.getsockname())
        self.thread.join()
        self.socket.close()


@pytest.fixture
def look(given, clients, start):
    """One check, with these records and this identity of SES."""
    servers = []

    def look(check, records=RECORDS, identity=IDENTITY, mail_from=f"guide@{DOMAIN}"):
        server = Server(records)
        servers.append(server)
        there = replace(given, services=start(MAIL_FROM=mail_from), names=server.names())
        stubber = Stubber(clients.ses)
        stubber.add_response("get_email_identity", identity)
        with stubber:
            return made(CHECKS[check], there)

    yield look
    for server in servers:
        server.end()


@pytest.mark.parametrize(
    ("check", "said"),
    [
        ("dkim", "2 records"),
        ("mail from", "MX and SPF"),
        ("dmarc", "p=quarantine"),
        ("answers", f"answers to mails of {DOMAIN} have a place to go"),
    ],
)
def test_a_domain_with_all_its_records_is_well(look, check, said):
    found = look(check)
    assert (found.verdict, found.said) == ("ok", said)


@pytest.mark.parametrize(
    ("check", "name", "kind", "verdict", "fix"),
    [
        (
            *("dkim", f"aaa._domainkey.{DOMAIN}", "CNAME", "fail"),
            f"aaa._domainkey.{DOMAIN}. CNAME aaa.dkim.amazonses.com.",
        ),
        (
            *("dkim", f"bbb._domainkey.{DOMAIN}", "CNAME", "fail"),
            f"bbb._domainkey.{DOMAIN}. CNAME bbb.dkim.amazonses.com.",
        ),
        (
            *("mail from", f"bounces.{DOMAIN}", "MX", "fail"),
            f"bounces.{DOMAIN}. MX 10 feedback-smtp.eu-west-3.amazonses.com.",
        ),
        (
            *("mail from", f"bounces.{DOMAIN}", "TXT", "fail"),
            f'bounces.{DOMAIN}. TXT "v=spf1 include:amazonses.com -all"',
        ),
        ("dmarc", f"_dmarc.{DOMAIN}", "TXT", "fail", f'_dmarc.{DOMAIN}. TXT "v=DMARC1; p=none"'),
        ("answers", DOMAIN, "MX", "warn", f"{DOMAIN}. MX 10 …"),
    ],
)
def test_a_record_that_is_missing_is_the_line_to_paste(look, check, name, kind, verdict, fix):
    records = {key: value for key, value in RECORDS.items() if key != (name, kind)}
    found = look(check, records)
    assert (found.verdict, found.fix) == (verdict, fix)


def test_another_exchange_beside_amazons_is_told(look):
    wrong = ["10 feedback-smtp.eu-west-3.amazonses.com.", "20 mx.studio.photo."]
    found = look("mail from", RECORDS | {(f"bounces.{DOMAIN}", "MX"): wrong})
    assert found.verdict == "fail"


def test_two_dmarc_records_are_told(look):
    two = ['"v=DMARC1; p=none"', '"v=DMARC1; p=reject"']
    found = look("dmarc", RECORDS | {(f"_dmarc.{DOMAIN}", "TXT"): two})
    assert found.said == "2 DMARC records, so none counts"


def test_a_domain_goes_by_the_dmarc_of_the_organisation_above_it(look):
    for below in ("mail", "guides.mail"):
        found = look("dmarc", mail_from=f"guide@{below}.{DOMAIN}")
        assert found.said == f"p=quarantine, of {DOMAIN}"
    apart = {(f"_dmarc.{DOMAIN}", "TXT"): ['"v=DMARC1; p=none; sp=reject"']}
    assert look("dmarc", apart, mail_from=f"guide@mail.{DOMAIN}").said == f"p=reject, of {DOMAIN}"
    assert look("dmarc", {("_dmarc.photo", "TXT"): ['"v=DMARC1; p=none"']}).verdict == "fail"


def test_nobodys_domain_is_not_asked_about(look):
    for check in CHECKS:
        assert look(check, {}, mail_from="guide@studio.example").verdict == "skipped"


def test_a_dns_that_does_not_answer_is_no_missing_record(given, start):
    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers = []
    names = Names(resolver)
    with pytest.raises(NamesUnknown):
        names.records(DOMAIN, "MX")
    there = replace(given, services=start(MAIL_FROM=f"guide@{DOMAIN}"), names=names)
    assert made(CHECKS["dmarc"], there).verdict == "skipped"
