"""How the guides are doing: of those who asked in a time, how many got how far."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta
from typing import Any

from leadmagnet.errors import MagnetUnknown, Refused
from leadmagnet.services import Services

COUNTS = (
    *("asked", "mailed", "confirmed", "file_handed_out", "newsletter"),
    *("bounced", "complained", "unsubscribed"),
)
MOST_DAYS = 3660
# Sources are what a visitor's page says: the most frequent are enough.
MOST_SOURCES = 50


def read(
    services: Services,
    *,
    first: date | None = None,
    last: date | None = None,
    magnet: str | None = None,
) -> dict[str, Any]:
    """The figures of those who asked from the first to the last day, in the studio's time zone.

    Who was erased since is in the total, the days and the magnets, not in sources and providers.
    Raises Refused for a time that ends before it begins or is too long; MagnetUnknown.
    """
    zone = services.config.time_zone
    with services.database.transaction(snapshot=True) as transaction:
        period = transaction.one("stat_period", first=first, last=last, magnet=magnet, zone=zone)
        assert period is not None  # noqa: S101 - a SELECT of expressions always gives a row
        if magnet and period["magnet_id"] is None:
            raise MagnetUnknown
        first, last = period["first"], period["last"]
        if not 0 <= (last - first).days < MOST_DAYS:
            raise Refused({"/from": "period_invalid"})
        asked = {**period, "zone": zone}
        there = transaction.all("stat_people", **asked)
        erased = transaction.all("stat_erased", **asked)
        median = transaction.one("stat_median", **asked)
    sums: Counter[tuple[str, str | None, str]] = Counter()
    for row in (*there, *erased):
        names = [("magnet", slug) for slug in row.get("slugs", ())]
        for part, name in names or [(row["part"], row["name"])]:
            sums.update({(part, name, count): int(row[count]) for count in COUNTS})
    days = [first + timedelta(day) for day in range((last - first).days + 1)]
    return {
        "from": first,
        "to": last,
        "time_zone": zone,
        "total": _figures(sums, "total", None)
        | {
            "erased": sum(int(row["asked"]) for row in erased if row["part"] == "total"),
            "median_minutes_to_confirm": median and median["minutes"],
        },
        "by_day": [{"day": day, **_figures(sums, "day", day.isoformat())} for day in days],
        "by_source": _ranked(sums, "source")[:MOST_SOURCES],
        "by_magnet": _ranked(sums, "magnet"),
        "by_provider": _ranked(sums, "provider"),
    }


def _ranked(sums: Counter[tuple[str, str | None, str]], part: str) -> list[dict[str, Any]]:
    names = {name for each, name, _ in sums if each == part}
    found = [{part: name, **_figures(sums, part, name)} for name in names]
    return sorted(found, key=lambda row: (-row["asked"], row[part] or ""))


def _figures(
    sums: Counter[tuple[str, str | None, str]], part: str, name: str | None
) -> dict[str, Any]:
    counts = {count: sums[part, name, count] for count in COUNTS}
    return {
        **counts,
        "confirm_rate": _percent(counts["confirmed"], counts["asked"]),
        "newsletter_rate": _percent(counts["newsletter"], counts["confirmed"]),
        "bounce_rate": _percent(counts["bounced"], counts["mailed"]),
    }


def _percent(part: int, whole: int) -> float | None:
    """A rate over nothing is none, and not zero."""
    return round(100 * part / whole, 1) if whole else None
