"""How the guides are doing."""

from __future__ import annotations

from typing import Any

from leadmagnet.admin import stats
from leadmagnet.routes.admin.blueprint import blp
from leadmagnet.web.guard import admin
from leadmagnet.web.stats_schemas import StatsQuerySchema, StatsSchema


@blp.get("/stats")
@blp.needs("stats:read")
@blp.doc(operationId="adminStats")
@blp.arguments(StatsQuerySchema, location="query")
@blp.response(200, StatsSchema, description="The statistics")
@blp.refuses(404, "magnet_unknown")
@blp.refuses(422, "period_invalid", pointer="/from")
def read_stats(query: dict[str, Any]) -> dict[str, Any]:
    """How many of those who asked got how far

    A cohort: the people who asked for the first time from one day to the other, and what has become
    of them by now. Who unsubscribes has still confirmed. Who was erased is still counted, in the
    total, the days and the magnets.
    """
    return stats.read(admin().services, **query)
