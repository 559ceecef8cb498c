"""The identity of SES that the sender's mails go by: the domain, or one above it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from leadmagnet.adapters.inspection import NotFound, NotPermitted
from leadmagnet.doctor.findings import Surroundings
from leadmagnet.doctor.settings import sender_domain


def and_above(domain: str) -> Iterator[str]:
    """The domain and those above it, down to two labels."""
    while "." in domain:
        yield domain
        domain = domain.partition(".")[2]


def identity_of(given: Surroundings) -> tuple[str, dict[str, Any]]:
    """The identity's domain, and what SES says of it: a verified domain may send for all below it.

    Raises NotFound, or NotPermitted where that is all that was answered.
    """
    problem: Exception = NotFound()
    for domain in and_above(sender_domain(given.services.config.mail_from)):
        try:
            return domain, dict(given.aws.identity(domain))
        except NotFound:
            pass
        except NotPermitted as error:
            # DoctorPolicy names one identity, which may be one above.
            problem = error
    raise problem
