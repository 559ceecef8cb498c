"""Delivers the queued mails to the emulator of SES, and reads them there."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from flask.testing import FlaskClient

from leadmagnet.adapters.ses import Mailer
from leadmagnet.mail import outbox
from leadmagnet.services import Services
from tests.support.services import delivery
from tests.support.settings import ADA
from tests.support.settling import settle


@dataclass
class Mailbox:
    """Delivers what is queued, through the real adapter and HTTP, and reads what arrived."""

    services: Services
    api: FlaskClient
    mailer: Mailer

    def deliver(self) -> Mailbox:
        settle(self.services)
        while outbox.deliver_next(delivery(self.services, self.mailer.send)):
            pass
        return self

    def messages(self, to: str | None = None) -> list[dict[str, Any]]:
        """Newest first."""
        answer = self.api.get("/api/messages", query_string={"to": to} if to else {})
        return list(json.loads(answer.data))

    def kinds(self, to: str = ADA) -> list[str]:
        """Oldest first."""
        return [message["tags"]["kind"] for message in reversed(self.messages(to))]

    def token(self, to: str = ADA) -> str:
        """Of the newest mail's link."""
        return link_token(self.messages(to)[0]["text"], "confirm")

    def privacy_token(self, to: str = ADA) -> str:
        return link_token(self.messages(to)[0]["text"], "mes-donnees")

    def unsubscribe_token(self, to: str = ADA) -> str:
        return link_token(self.messages(to)[0]["text"], "unsubscribe")


def link_token(text: str, page: str) -> str:
    found = re.search(rf"/lead-magnet/{page}\?\S+token=(\S+)", text)
    assert found, text
    return found[1]
