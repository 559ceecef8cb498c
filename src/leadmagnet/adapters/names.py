"""Asks the DNS, as the mail providers do."""

from __future__ import annotations

import dns.exception
import dns.resolver


class NamesUnknown(Exception):
    """The DNS cannot be asked from here; the message says why."""


class Names:
    """The DNS by this machine's resolver."""

    def __init__(self, resolver: dns.resolver.Resolver | None = None) -> None:
        self._resolver = resolver

    def records(self, name: str, kind: str) -> list[str]:
        """The records as text, names without their last dot, none where there are none.

        Raises NamesUnknown.
        """
        try:
            resolver = self._resolver or dns.resolver.Resolver()
            answer = resolver.resolve(name, kind, lifetime=5, search=False)
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return []
        except dns.exception.DNSException as error:
            raise NamesUnknown(type(error).__name__) from None
        if kind == "TXT":
            return [b"".join(record.strings).decode("utf-8", "replace") for record in answer]
        return [record.to_text().rstrip(".").lower() for record in answer]
