"""Changes to the endpoints of webhooks, by the admin API and the command line alike: each with its
row in the audit."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from uuid import UUID

from leadmagnet.admin import audit
from leadmagnet.admin.audit import Caller
from leadmagnet.services import Services
from leadmagnet.webhooks import endpoints, events

# Shows a secret, this one time; where that fails, nothing has changed.
Show = Callable[[endpoints.Secret], None]


@contextmanager
def _acting(services: Services, caller: Caller, act: str, **detail: object) -> Iterator[Services]:
    with audit.acting(services, caller, "webhooks:manage") as acting:
        acting.detail.update(act=act, **detail)
        yield acting.services


def add(
    services: Services,
    caller: Caller,
    *,
    name: str,
    url: str,
    events: list[str],
    include_email: bool,
    show: Show = lambda secret: None,
) -> endpoints.Secret:
    """Raises EndpointRefused for the URL, WebhookRefused for a name that is taken or without
    WEBHOOK_KEY."""
    with _acting(services, caller, "add", endpoint=name, includeEmail=include_email) as within:
        secret = endpoints.add(
            within, name=name, url=url, kinds=events, include_email=include_email
        )
        show(secret)
        return secret


def rotate(
    services: Services, caller: Caller, name: str, *, show: Show = lambda secret: None
) -> endpoints.Secret:
    """Raises WebhookRefused."""
    with _acting(services, caller, "rotate", endpoint=name) as within:
        secret = endpoints.rotate(within, name)
        show(secret)
        return secret


def enable(services: Services, caller: Caller, name: str) -> None:
    """Raises WebhookRefused."""
    with _acting(services, caller, "enable", endpoint=name) as within:
        endpoints.enable(within, name)


def disable(services: Services, caller: Caller, name: str) -> None:
    """Raises WebhookRefused."""
    with _acting(services, caller, "disable", endpoint=name) as within:
        endpoints.disable(within, name)


def ping(services: Services, caller: Caller, name: str) -> UUID:
    """Raises WebhookRefused."""
    with _acting(services, caller, "ping", endpoint=name) as within:
        return events.ping(within, name)


def replay(services: Services, caller: Caller, event_id: UUID) -> None:
    """Raises WebhookRefused for an event that is unknown or waits anyway."""
    with _acting(services, caller, "replay", eventId=str(event_id)) as within:
        events.replay(within, event_id=event_id)


def replay_dead(services: Services, caller: Caller, name: str) -> int:
    """All that were given up for an endpoint; how many. Raises WebhookRefused for none."""
    with _acting(services, caller, "replay", endpoint=name) as within:
        return events.replay(within, endpoint=name)
