"""The endpoints of webhooks, for the studio's owner: each change with its row in the audit."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from leadmagnet.adapters.endpoints import EndpointRefused
from leadmagnet.admin import audit
from leadmagnet.admin.audit import Caller
from leadmagnet.errors import ActRefused, Refused
from leadmagnet.services import Services
from leadmagnet.webhooks import endpoints, events


@contextmanager
def _acting(services: Services, caller: Caller, act: str, **detail: object) -> Iterator[Services]:
    try:
        with audit.acting(services, caller, "webhooks:manage") as acting:
            acting.detail.update(act=act, **detail)
            yield acting.services
    except EndpointRefused:
        raise Refused({"/url": "url_refused"}) from None
    except endpoints.WebhookRefused as error:
        raise ActRefused(error.code) from None


def add(
    services: Services,
    caller: Caller,
    *,
    name: str,
    url: str,
    events: list[str],
    include_email: bool,
) -> endpoints.Secret:
    """Raises Refused for the URL, ActRefused for a name that is taken or without WEBHOOK_KEY."""
    with _acting(services, caller, "add", endpoint=name, includeEmail=include_email) as within:
        return endpoints.add(within, name=name, url=url, kinds=events, include_email=include_email)


def rotate(services: Services, caller: Caller, name: str) -> endpoints.Secret:
    """Raises ActRefused."""
    with _acting(services, caller, "rotate", endpoint=name) as within:
        return endpoints.rotate(within, name)


def enable(services: Services, caller: Caller, name: str) -> None:
    """Raises ActRefused."""
    with _acting(services, caller, "enable", endpoint=name) as within:
        endpoints.enable(within, name)


def disable(services: Services, caller: Caller, name: str) -> None:
    """Raises ActRefused."""
    with _acting(services, caller, "disable", endpoint=name) as within:
        endpoints.disable(within, name)


def ping(services: Services, caller: Caller, name: str) -> UUID:
    """Raises ActRefused."""
    with _acting(services, caller, "ping", endpoint=name) as within:
        return events.ping(within, name)


def replay(services: Services, caller: Caller, event_id: UUID) -> None:
    """Raises ActRefused for an event that is unknown or waits anyway."""
    with _acting(services, caller, "replay", event_id=str(event_id)) as within:
        if not events.replay(within, event_id=event_id):
            raise endpoints.WebhookRefused("nothing to send again", "event_unknown")
