"""Health, for those who run it."""

from __future__ import annotations

from leadmagnet.web.context import services
from leadmagnet.web.contract import Blueprint
from leadmagnet.web.schemas import HealthSchema

blp = Blueprint("operations", "operations", description="For those who run it")


@blp.get("/healthz")
@blp.doc(operationId="health")
@blp.response(200, HealthSchema, example={"status": "ok"})
def healthz() -> dict[str, str]:
    """The process answers"""
    return {"status": "ok"}


@blp.get("/readyz")
@blp.doc(operationId="readiness")
@blp.response(200, HealthSchema, example={"status": "ok"})
@blp.refuses(503, "service_unavailable", "not_migrated", "grants_missing", "database_read_only")
def readyz() -> dict[str, str]:
    """The database answers, is migrated, grants what is needed and takes writes"""
    services().database.readiness.require()
    return {"status": "ok"}
