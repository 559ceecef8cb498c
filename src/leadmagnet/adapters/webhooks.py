"""Outgoing webhooks: signs them as the Standard Webhooks specification says, and posts them to
hosts that others name without becoming their way into our own network."""

from __future__ import annotations

import hmac
import re
import socket
import ssl
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import closing, suppress
from email.message import Message
from email.utils import parsedate_to_datetime
from functools import cached_property
from http.client import HTTPConnection, HTTPException, HTTPResponse
from threading import Thread
from typing import Any, NamedTuple

import certifi

from leadmagnet import __version__
from leadmagnet.adapters.endpoints import EXEMPT, EndpointRefused, Target, is_public, parse
from leadmagnet.adapters.wire import Deadline, Wire

SECRET_PREFIX = "whsec_"  # noqa: S105
SECONDS = 20.0
# Whoever adds an endpoint waits for this look-up, and a request to the API may take three seconds.
CHECK_SECONDS = 1.5
MOST_BYTES = 1024


class Unreachable(Exception):
    """No answer came. `word` says why: not_allowed, dns, connection, tls, timeout, no_http."""

    def __init__(self, word: str) -> None:
        super().__init__(word)
        self.word = word


class Answer(NamedTuple):
    status: int
    # In seconds, where the consumer asks for a pause.
    retry_after: float | None = None


def encode_secret(key: bytes) -> str:
    """What a consumer is given; they decode it before they verify with it."""
    return SECRET_PREFIX + b64encode(key).decode()


def sign(keys: Sequence[bytes], webhook_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The headers of one attempt, signed with every key that is good during a rotation."""
    signed = b"%s.%d.%s" % (webhook_id.encode(), timestamp, body)
    signatures = (b64encode(hmac.digest(key, signed, "sha256")).decode() for key in keys)
    return {
        "webhook-id": webhook_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(f"v1,{signature}" for signature in signatures),
    }


def resolve(host: str, port: int) -> list[str]:
    """Every address, as all programs of this machine find them: /etc/hosts included."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


class Poster:
    """Posts to public hosts over HTTPS, and to `allow_hosts` (`host` or `host:port`) at whatever
    address, without TLS too. Never through a proxy, which would connect where it likes."""

    def __init__(
        self,
        allow_hosts: frozenset[str] = frozenset(),
        *,
        seconds: float = SECONDS,
        resolve: Callable[[str, int], list[str]] = resolve,
        connect: Callable[..., socket.socket] = socket.create_connection,
    ) -> None:
        self._allow_hosts = allow_hosts
        self._seconds = seconds
        self._resolve = resolve
        self._connect = connect

    @cached_property
    def tls(self) -> ssl.SSLContext:
        """Trusts what the machine trusts, and Mozilla's list: a slim container has none."""
        context = ssl.create_default_context()
        context.load_verify_locations(certifi.where())
        return context

    def check(self, url: str) -> None:
        """Raises EndpointRefused for what `post` would not reach. A name that the DNS does not
        know is accepted: it may be known tomorrow, and the deliveries show it."""
        target = parse(url, self._allow_hosts)
        try:
            self._addresses(target, Deadline(CHECK_SECONDS))
        except Unreachable as error:
            if error.word == "not_allowed":
                raise EndpointRefused(
                    f"A webhook's host has public addresses only, or is {EXEMPT}."
                ) from None

    def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """The consumer's answer, also where it is a redirect, which is not followed.

        Raises Unreachable.
        """
        deadline = Deadline(self._seconds)
        try:
            target = parse(url, self._allow_hosts)
            with closing(Wire(self._connected(target, deadline), deadline)) as wire:
                if target.https:
                    wire.secure(self.tls, target.host)
                return _ask(wire, target, headers, body)
        except EndpointRefused:
            raise Unreachable("not_allowed") from None
        except TimeoutError:
            raise Unreachable("timeout") from None
        except ssl.SSLError:
            raise Unreachable("tls") from None
        except OSError:
            raise Unreachable("connection") from None
        except (HTTPException, ValueError):
            raise Unreachable("no_http") from None

    def _connected(self, target: Target, deadline: Deadline) -> socket.socket:
        """To an address that was checked: a second look-up might bring another."""
        failure = OSError()
        addresses = self._addresses(target, deadline)
        for untried, address in zip(range(len(addresses), 0, -1), addresses, strict=True):
            try:
                # A dead one, such as IPv6 without a route, leaves time for the others.
                return self._connect((address, target.port), deadline.left() / untried)
            except OSError as error:
                failure = error
        raise failure

    def _addresses(self, target: Target, deadline: Deadline) -> list[str]:
        # In a thread of its own, because nothing ends the system's look-up early.
        found: Future[list[str]] = Future()

        def look_up() -> None:
            try:
                found.set_result(self._resolve(target.host, target.port))
            except Exception as error:
                found.set_exception(error)

        Thread(target=look_up, daemon=True).start()
        try:
            addresses = found.result(deadline.left())
        except TimeoutError:
            raise Unreachable("timeout") from None
        except (OSError, UnicodeError):
            raise Unreachable("dns") from None
        if not target.exempt and not all(map(is_public, addresses)):
            raise Unreachable("not_allowed")
        return addresses


def _ask(wire: Any, target: Target, headers: Mapping[str, str], body: bytes) -> Answer:
    # With the port: it would look for one in an IPv6 address.
    request = HTTPConnection(target.host, target.port)
    request.sock = wire
    fixed = {
        "Host": target.authority,
        "User-Agent": f"leadmagnet/{__version__}",
        "Content-Type": "application/json",
        "Connection": "close",
    }
    request.request("POST", target.path, body, {**headers, **fixed})
    answer = HTTPResponse(wire, method="POST")
    answer.begin()
    # So that the consumer sees its answer arrive; whether all of it does is all the same.
    with suppress(OSError, HTTPException, ValueError):
        answer.read(MOST_BYTES)
    return Answer(answer.status, _retry_after(answer.headers))


def _retry_after(headers: Message) -> float | None:
    """Seconds or a date, which is compared with the consumer's own clock."""
    value = headers.get("Retry-After", "").strip()
    if re.fullmatch("[0-9]{1,9}", value):
        return float(value)
    with suppress(ValueError, TypeError, OverflowError, IndexError):
        pause = parsedate_to_datetime(value) - parsedate_to_datetime(headers.get("Date", ""))
        return max(0.0, pause.total_seconds())
    return None
