"""Which other systems are told of what happens, and what became of it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from leadmagnet.admin import webhooks
from leadmagnet.routes.admin.blueprint import SUBSCRIBER, WHEN, blp
from leadmagnet.web.contract import path_example
from leadmagnet.web.guard import admin, caller
from leadmagnet.web.people_schemas import DoneSchema, NothingSchema
from leadmagnet.web.webhook_schemas import (
    DeliveriesQuerySchema,
    DeliveriesSchema,
    EndpointsSchema,
    NewEndpointSchema,
    PingSchema,
    ReplayedSchema,
    SecretSchema,
)
from leadmagnet.webhooks import endpoints, events

ONE = "/webhooks/<string(maxlength=50):name>"
EXAMPLE = [path_example("name", "crm")]
NEW = {"name": "crm", "url": "https://crm.example/hooks", "includeEmail": False}
SECRET = {"secret": "whsec_c2VjcmV0", "formerUntil": None}


def _shown(secret: endpoints.Secret) -> dict[str, Any]:
    return {"secret": secret.text, "former_until": secret.former_until}


@blp.get("/webhooks")
@blp.needs("webhooks:read")
@blp.doc(operationId="adminWebhooks")
@blp.response(200, EndpointsSchema, description="All endpoints")
def read_endpoints() -> dict[str, Any]:
    """List the endpoints

    Each with how many events wait for it and how many were given up; secrets are not shown.
    """
    return {"items": endpoints.listed(admin().services)}


@blp.post("/webhooks")
@blp.needs("webhooks:manage")
@blp.doc(operationId="adminAddWebhook")
@blp.arguments(NewEndpointSchema, example=NEW)
@blp.response(200, SecretSchema, description="The secret, this one time", example=SECRET)
@blp.refuses(409, "endpoint_exists", "webhooks_off")
@blp.refuses(422, "url_refused", pointer="/url")
def add_endpoint(body: dict[str, Any]) -> dict[str, Any]:
    """Tell another system of what happens

    The answer has the secret that it verifies with, this one time. With `includeEmail` the events
    hold the address; the audit says who decided so.
    """
    return _shown(webhooks.add(admin().services, caller(), **body))


@blp.post(f"{ONE}/rotate", parameters=EXAMPLE)
@blp.needs("webhooks:manage")
@blp.doc(operationId="adminRotateWebhook")
@blp.arguments(NothingSchema)
@blp.response(
    200,
    SecretSchema,
    description="The new secret, this one time",
    example={**SECRET, "formerUntil": WHEN},
)
@blp.refuses(409, "endpoint_unknown", "webhooks_off")
def rotate_endpoint(body: dict[str, Any], name: str) -> dict[str, Any]:
    """Make a new secret

    The former one signs beside it for a day.
    """
    return _shown(webhooks.rotate(admin().services, caller(), name))


@blp.post(f"{ONE}/enable", parameters=EXAMPLE)
@blp.needs("webhooks:manage")
@blp.doc(operationId="adminEnableWebhook")
@blp.arguments(NothingSchema)
@blp.response(200, DoneSchema, description="The endpoint is told again")
@blp.refuses(409, "endpoint_unknown")
def enable_endpoint(body: dict[str, Any], name: str) -> dict[str, str]:
    """Enable a disabled endpoint

    What has waited for it is sent at once.
    """
    webhooks.enable(admin().services, caller(), name)
    return {"status": "done"}


@blp.post(f"{ONE}/disable", parameters=EXAMPLE)
@blp.needs("webhooks:manage")
@blp.doc(operationId="adminDisableWebhook")
@blp.arguments(NothingSchema)
@blp.response(200, DoneSchema, description="The endpoint is told nothing")
@blp.refuses(409, "endpoint_unknown")
def disable_endpoint(body: dict[str, Any], name: str) -> dict[str, str]:
    """Disable an endpoint

    What waits for it stays; no new events are written for it, except erasures.
    """
    webhooks.disable(admin().services, caller(), name)
    return {"status": "done"}


@blp.post(f"{ONE}/ping", parameters=EXAMPLE)
@blp.needs("webhooks:manage")
@blp.doc(operationId="adminPingWebhook")
@blp.arguments(NothingSchema)
@blp.response(200, PingSchema, description="The id of the test event")
@blp.refuses(409, "endpoint_unknown")
def ping_endpoint(body: dict[str, Any], name: str) -> dict[str, Any]:
    """Queue a test event

    `GET /deliveries` shows what became of it.
    """
    return {"id": webhooks.ping(admin().services, caller(), name)}


@blp.post(f"{ONE}/replay", parameters=EXAMPLE)
@blp.needs("webhooks:manage")
@blp.doc(operationId="adminReplayDead")
@blp.arguments(NothingSchema)
@blp.response(200, ReplayedSchema, description="How many events are queued again")
@blp.refuses(409, "endpoint_unknown", "event_unknown")
def replay_dead(body: dict[str, Any], name: str) -> dict[str, int]:
    """Send again all that was given up for an endpoint

    Each under its former id, so that a consumer who has it already can tell.
    """
    return {"events": webhooks.replay_dead(admin().services, caller(), name)}


@blp.get("/deliveries")
@blp.needs("webhooks:read")
@blp.doc(operationId="adminDeliveries")
@blp.arguments(DeliveriesQuerySchema, location="query")
@blp.response(200, DeliveriesSchema, description="A page of events")
def read_deliveries(query: dict[str, Any]) -> dict[str, Any]:
    """What endpoints were told, newest first

    Of one endpoint, in one state, about one person, or erasures only; the next page is
    `before` the last id. A `dead` event was given up.
    """
    return {"items": events.page(admin().services, **query)}


@blp.post("/deliveries/<uuid:event_id>/replay", parameters=[path_example("event_id", SUBSCRIBER)])
@blp.needs("webhooks:manage")
@blp.doc(operationId="adminReplay")
@blp.arguments(NothingSchema)
@blp.response(200, DoneSchema, description="The event is queued")
@blp.refuses(409, "event_unknown")
def replay_delivery(body: dict[str, Any], event_id: UUID) -> dict[str, str]:
    """Send an event again

    Under its former id, so that a consumer who has it already can tell.
    """
    webhooks.replay(admin().services, caller(), event_id)
    return {"status": "done"}
