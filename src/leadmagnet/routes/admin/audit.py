"""Who the caller is, and the audit of what everybody did."""

from __future__ import annotations

from typing import Any

from leadmagnet.admin import audit
from leadmagnet.admin.roles import ROLES
from leadmagnet.routes.admin.blueprint import SUBSCRIBER, WHEN, blp
from leadmagnet.web.admin_schemas import AuditQuerySchema, AuditSchema, MeSchema
from leadmagnet.web.guard import admin, caller

ENTRY = {
    "id": 42,
    "occurredAt": WHEN,
    "actor": "key:ada-laptop",
    "action": "subscribers:erase",
    "outcome": "done",
    "subscriberId": SUBSCRIBER,
    "detail": {"reason": "person_asked"},
    "requestId": "0a1b2c3d4e5f60718293a4b5c6d7e8f9",
}


@blp.get("/me")
@blp.needs("me:read")
@blp.doc(operationId="adminMe")
@blp.response(
    200,
    MeSchema,
    description="The caller",
    example={
        "actor": "key:ada-laptop",
        "role": "viewer",
        "permissions": ["me:read"],
        "timeZone": "Europe/Paris",
    },
)
def me() -> dict[str, Any]:
    """Who calls, and what they may do

    The actor as the audit names it, the role, and the words of what that role may do. Days, as in
    `GET /stats`, are those of the time zone.
    """
    known = caller()
    return {
        "actor": known.actor,
        "role": known.role,
        "permissions": sorted(ROLES[known.role or ""]),
        "time_zone": admin().services.config.time_zone,
    }


@blp.get("/audit")
@blp.needs("audit:read")
@blp.doc(operationId="adminAudit")
@blp.arguments(AuditQuerySchema, location="query")
@blp.response(200, AuditSchema, description="A page of the audit", example={"items": [ENTRY]})
def read_audit(query: dict[str, Any]) -> dict[str, Any]:
    """Who did what, when and to whom

    Newest first; the next page is `before` the last id. Reading a person's record and a refusal
    are noted once a day, every change each time.
    """
    return {"items": audit.page(admin().services, **query)}
