"""Health, for those who operate the service."""

from __future__ import annotations

from leadmagnet.web.context import services
from leadmagnet.web.contract import Blueprint
from leadmagnet.web.schemas import HealthSchema

blp = Blueprint("operations", "operations", description="Health, for load balancers and monitoring")


@blp.get("/healthz")
@blp.doc(operationId="health")
@blp.response(200, HealthSchema, description="The process answers")
def healthz() -> dict[str, str]:
    """Check that the process answers

    Does not ask the database.
    """
    return {"status": "ok"}


@blp.get("/readyz")
@blp.doc(operationId="readiness")
@blp.response(200, HealthSchema, description="The service can work")
@blp.refuses(503, "not_migrated", "grants_missing", "database_read_only")
def readyz() -> dict[str, str]:
    """Check that the service can work

    The database answers, is migrated, grants what the service needs, and accepts writes.
    """
    services().database.readiness.require()
    return {"status": "ok"}
