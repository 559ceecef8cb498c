"""How the guides are doing."""

from __future__ import annotations

from typing import Any

from leadmagnet.admin import stats
from leadmagnet.routes.admin.blueprint import blp
from leadmagnet.web.guard import admin
from leadmagnet.web.stats_schemas import StatsQuerySchema, StatsSchema

FIGURES = {
    "asked": 40,
    "mailed": 39,
    "confirmed": 26,
    "fileHandedOut": 25,
    "newsletter": 11,
    "bounced": 1,
    "complained": 0,
    "unsubscribed": 2,
    "confirmRate": 65.0,
    "newsletterRate": 42.3,
    "bounceRate": 2.6,
}
EXAMPLE = {
    "from": "2026-11-22",
    "to": "2026-11-22",
    "timeZone": "Europe/Paris",
    "total": {**FIGURES, "erased": 3, "medianMinutesToConfirm": 4.5},
    "byDay": [{"day": "2026-11-22", **FIGURES}],
    "bySource": [{"source": "instagram", **FIGURES}],
    "byMagnet": [{"magnet": "guide-mariee-sereine", **FIGURES}],
    "byProvider": [{"provider": "gmail", **FIGURES}],
}


@blp.get("/stats")
@blp.needs("stats:read")
@blp.doc(operationId="adminStats")
@blp.arguments(StatsQuerySchema, location="query")
@blp.response(200, StatsSchema, description="The statistics", example=EXAMPLE)
@blp.refuses(404, "magnet_unknown")
@blp.refuses(422, "period_invalid", pointer="/from")
def read_stats(query: dict[str, Any]) -> dict[str, Any]:
    """How many of those who asked got how far

    A cohort: the people who asked for the first time from one day to the other, and what has become
    of them by now. Who unsubscribes has still confirmed. Who was erased is still counted, in the
    total, the days and the magnets.
    """
    return stats.read(admin().services, **query)
