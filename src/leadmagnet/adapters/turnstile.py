"""Cloudflare Turnstile: whether the widget in the page took the visitor for a person."""

from __future__ import annotations

import logging
from typing import Any

import requests

from leadmagnet.errors import Refused, Unavailable

log = logging.getLogger(__name__)

SITEVERIFY = "https://challenges.cloudflare.com/turnstile/v0/siteverify"
# To connect, and to be answered: together well below the three seconds a request may take.
TIMEOUTS = (1.0, 1.0)
# Error codes that are not the visitor's fault: an outage, or our misconfigured secret.
NOT_THE_VISITORS = {"internal-error", "missing-input-secret", "invalid-input-secret", "bad-request"}


class Turnstile:
    """Asks Cloudflare, which receives the widget's token and nothing else about the visitor."""

    def __init__(
        self, secret: str, *, hostnames: frozenset[str], action: str | None, accept_outage: bool
    ) -> None:
        self._secret = secret
        self._hostnames = hostnames
        self._action = action
        self._accept_outage = accept_outage

    def check(self, token: str | None) -> None:
        """Raises Refused for a token that is missing, false, used, or of another page; and
        Unavailable when Cloudflare cannot be asked and that is not to be overlooked."""
        if not token:
            raise _failed()
        answer = self._ask(token)
        if answer is None or NOT_THE_VISITORS & set(answer.get("error-codes") or ()):
            log.error("turnstile_unavailable")
            if not self._accept_outage:
                raise Unavailable("turnstile")
        elif not self._vouches(answer):
            raise _failed()

    def _vouches(self, answer: dict[str, Any]) -> bool:
        return (
            answer.get("success") is True
            # Or a token solved for another site, or another form, would do here.
            and (not self._hostnames or str(answer.get("hostname")).lower() in self._hostnames)
            and (not self._action or answer.get("action") == self._action)
        )

    def _ask(self, token: str) -> dict[str, Any] | None:
        """Cloudflare's answer; None when there is none that makes sense."""
        form = {"secret": self._secret, "response": token}
        try:
            response = requests.post(SITEVERIFY, data=form, timeout=TIMEOUTS, allow_redirects=False)
            answer = response.json()
        except requests.RequestException:
            return None
        return answer if isinstance(answer, dict) and "success" in answer else None


def _failed() -> Refused:
    return Refused({"/turnstileToken": "turnstile_failed"})
