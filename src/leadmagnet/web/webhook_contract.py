"""The events that endpoints are told, as OpenAPI's `webhooks`: consumers take types from it."""

from __future__ import annotations

from typing import Any

from leadmagnet.webhooks.endpoints import KINDS

SUBSCRIBER_ID = {"type": "string", "format": "uuid"}
PERSON: dict[str, Any] = {
    "subscriberId": SUBSCRIBER_ID,
    "status": {
        "type": "string",
        "enum": ["confirmed", "unsubscribed", "bounced", "complained"],
    },
    "newsletter": {"type": "boolean"},
    "locale": {"type": "string", "enum": ["fr", "en"]},
    "source": {"type": ["string", "null"]},
    "magnets": {"type": "array", "items": {"type": "string"}},
}
EMAIL = {
    "type": "string",
    "format": "email",
    "description": "Only for endpoints that were made with `--include email`",
}
MAGNET = {"type": "string", "description": "Whose file it was"}
SUMMARIES = {
    "subscriber.confirmed": "An address was confirmed",
    "subscriber.newsletter_changed": "The consent to the newsletter came or went",
    "subscriber.unsubscribed": "All mail to a person was ended",
    "subscriber.bounced": "A mail to a person bounced for good",
    "subscriber.complained": "A person marked a mail as spam",
    "file.handed_out": "A link to the file was given out",
    "subscriber.erased": "A person was erased: delete them, too",
    "ping": "A test",
}
HEADERS = {
    "webhook-id": "The same at each attempt",
    "webhook-timestamp": "When this attempt was made, in seconds since 1970",
    "webhook-signature": "`v1,` and a signature; several, separated by spaces, during a rotation",
}


TAKEN = {
    "description": "Any 2xx takes the event. After a 410 the endpoint is told nothing more; after"
    " anything else the event comes again later"
}


def schemas() -> dict[str, Any]:
    """What the events of most kinds share."""
    person = _object(PERSON)
    return {"WebhookPerson": person | {"properties": {**PERSON, "email": EMAIL}}}


def webhooks() -> dict[str, Any]:
    """An entry for each kind of event."""
    return {kind: {"post": _operation(kind)} for kind in (*KINDS, "subscriber.erased", "ping")}


def _operation(kind: str) -> dict[str, Any]:
    words = kind.replace(".", "_").split("_")
    return {
        "operationId": "webhook" + "".join(word.title() for word in words),
        "tags": ["webhooks"],
        "summary": SUMMARIES[kind],
        "parameters": [
            {
                "name": name,
                "in": "header",
                "required": True,
                "description": meaning,
                "schema": {"type": "string"},
            }
            for name, meaning in HEADERS.items()
        ],
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": _event(kind)}},
        },
        "responses": {"2XX": {"$ref": "#/components/responses/webhook"}},
    }


def _event(kind: str) -> dict[str, Any]:
    return _object(
        {
            "type": {"type": "string", "const": kind},
            "timestamp": {"type": "string", "format": "date-time"},
            "data": _data(kind),
        }
    )


def _data(kind: str) -> dict[str, Any]:
    if kind == "ping":
        return _object({})
    if kind == "subscriber.erased":
        return _object({"subscriberId": SUBSCRIBER_ID})
    person = {"$ref": "#/components/schemas/WebhookPerson"}
    if kind == "file.handed_out":
        return {"allOf": [person, _object({"magnet": MAGNET})]}
    return person


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "required": list(properties), "properties": properties}
