"""Asks a web server as a visitor would: one request, no redirect, within seconds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import requests

TIMEOUTS = (3.0, 6.0)
MOST_BYTES = 64 * 1024


class NoAnswer(Exception):
    """Nothing that can be read came back; the message says why, without the address."""


class Page(NamedTuple):
    status: int
    headers: Mapping[str, str]
    body: bytes


class Pages:
    """The web as this machine reaches it."""

    def get(self, url: str, *, headers: Mapping[str, str] | None = None) -> Page:
        """Raises NoAnswer."""
        return self._ask("GET", url, headers=headers)

    def post(self, url: str, body: str, *, media_type: str) -> Page:
        """Raises NoAnswer."""
        return self._ask("POST", url, headers={"Content-Type": media_type}, body=body)

    def _ask(
        self, method: str, url: str, *, headers: Mapping[str, str] | None, body: str | None = None
    ) -> Page:
        try:
            with requests.request(
                method,
                url,
                headers=dict(headers or {}),
                data=body,
                timeout=TIMEOUTS,
                allow_redirects=False,
                stream=True,
            ) as answer:
                content = next(answer.iter_content(MOST_BYTES), b"")
                return Page(answer.status_code, answer.headers, content)
        except requests.exceptions.SSLError:
            raise NoAnswer("its certificate is not accepted") from None
        except requests.exceptions.Timeout:
            raise NoAnswer("no answer in time") from None
        except (requests.RequestException, ValueError):
            raise NoAnswer("no connection, or no answer that makes sense") from None
