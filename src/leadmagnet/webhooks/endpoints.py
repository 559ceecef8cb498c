"""The consumers of our webhooks: who they are, what they hear of, and what signs it for them."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from leadmagnet import hashes
from leadmagnet.adapters.webhooks import Poster, encode_secret
from leadmagnet.config import Config
from leadmagnet.database import Row
from leadmagnet.errors import ActRefused
from leadmagnet.services import Services

log = logging.getLogger(__name__)

KINDS = (
    "subscriber.confirmed",
    "subscriber.newsletter_changed",
    "subscriber.unsubscribed",
    "subscriber.bounced",
    "subscriber.complained",
    "file.handed_out",
)
# How long a rotated secret still signs beside its successor.
OVERLAP = timedelta(hours=24)


class WebhookRefused(ActRefused):
    """The act cannot be done; the message tells the operator why, `code` a program."""

    def __init__(self, message: str, code: str = "endpoint_unknown") -> None:
        super().__init__(code)
        self.args = (message,)


class Secret(NamedTuple):
    """What a consumer verifies with; shown once, and derived again for each signature."""

    text: str
    former_until: datetime | None = None


def key_of(config: Config) -> bytes:
    """Raises WebhookRefused where none is set."""
    if config.webhook_key is None:
        raise WebhookRefused(
            "set WEBHOOK_KEY: the secrets of all endpoints are derived from it", "webhooks_off"
        )
    return config.webhook_key


def derived(key: bytes, endpoint_id: UUID, version: int) -> bytes:
    """Nothing that signs is at rest: a copy of the database signs nothing."""
    return hashes.hmac_sha256(key, "webhook", f"{endpoint_id}:{version}")


def add(
    services: Services, *, name: str, url: str, kinds: Sequence[str], include_email: bool
) -> Secret:
    """Make an endpoint; its secret. Raises WebhookRefused, and EndpointRefused for the URL."""
    key = key_of(services.config)
    Poster(services.config.webhook_allow_hosts).check(url)
    row = services.database.one(
        "endpoint_add",
        endpoint=name,
        url=url,
        kinds=list(kinds),
        include_email=include_email,
    )
    if row is None:
        raise WebhookRefused(
            f"there is an endpoint {name} already: give another name", "endpoint_exists"
        )
    log.info("webhook_changed", extra={"endpoint": name, "act": "add"})
    return _secret(key, row)


def listed(services: Services) -> list[Row]:
    """Every endpoint, with what waits for it and what was given up."""
    return services.database.all("endpoints_list")


def require(services: Services, name: str) -> None:
    """Raises WebhookRefused where there is no such endpoint."""
    _known(name, next((row for row in listed(services) if row["name"] == name), None))


def rotate(services: Services, name: str) -> Secret:
    """A new secret; the former one signs as well until `former_until`. Raises
    WebhookRefused."""
    key = key_of(services.config)
    row = _known(name, services.database.one("endpoint_rotate", endpoint=name, overlap=OVERLAP))
    log.info("webhook_changed", extra={"endpoint": name, "act": "rotate"})
    return _secret(key, row)


def disable(services: Services, name: str) -> None:
    """No new events, and those that wait stay. Raises WebhookRefused."""
    _known(name, services.database.one("endpoint_disable", endpoint=name), "that is enabled")
    log.info("webhook_changed", extra={"endpoint": name, "act": "disable"})


def enable(services: Services, name: str) -> None:
    """What has waited is due at once. Raises WebhookRefused."""
    _known(name, services.database.one("endpoint_enable", endpoint=name), "that is disabled")
    log.info("webhook_changed", extra={"endpoint": name, "act": "enable"})


def _known(name: str, row: Row | None, state: str = "") -> Row:
    if row is None:
        which = f"{name} {state}".strip()
        raise WebhookRefused(f"there is no endpoint {which}: `leadmagnet webhooks list` names all")
    return row


def _secret(key: bytes, row: Row) -> Secret:
    return Secret(
        encode_secret(derived(key, row["id"], row["secret_version"])), row.get("former_until")
    )
