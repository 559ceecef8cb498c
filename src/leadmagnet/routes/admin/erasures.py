"""Who was erased, and whether the other systems that knew them have acknowledged it."""

from __future__ import annotations

from typing import Any

from leadmagnet.rights import erasures
from leadmagnet.routes.admin.blueprint import blp
from leadmagnet.web.admin_schemas import PageQuerySchema
from leadmagnet.web.erasure_schemas import ErasuresSchema
from leadmagnet.web.guard import admin


@blp.get("/erasures")
@blp.needs("erasures:read")
@blp.doc(operationId="adminErasures")
@blp.arguments(PageQuerySchema, location="query")
@blp.response(200, ErasuresSchema, description="A page of erasures")
def read_erasures(query: dict[str, Any]) -> dict[str, Any]:
    """Who was erased, and who was told

    By random ids alone, newest first; the next page is `before` the last id. Each has the endpoints
    that knew the person, by address or by id alone, and whether they acknowledged the erasure
    (article 19 GDPR): `given_up` is tried no more until the event is replayed.
    """
    return {"items": erasures.page(admin().services, **query)}
