"""The doctor as the worker runs it every day: for the metrics and the owner's weekly mail."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator

from leadmagnet.doctor.examination import CATEGORIES, examine
from leadmagnet.doctor.findings import Surroundings, Verdict

log = logging.getLogger(__name__)

DAY_SECONDS = 86_400.0
# The next round after one with a failure, or with a check that could not be made.
AGAIN_SECONDS = 3600.0


def take(given: Surroundings) -> Iterator[float]:
    """Make the checks, one a step, and record the verdicts at the end.

    Each step yields in how many seconds the next is due.
    """
    failing: Counter[str] = Counter()
    skipped: Counter[str] = Counter()
    for one in examine(given, CATEGORIES):
        if one.finding.verdict is Verdict.FAIL:
            failing[one.category] += 1
            log.error("doctor_failed", extra={"category": one.category, "check": one.check})
        skipped[one.category] += one.finding.unanswered
        yield 0
    for category in CATEGORIES:
        given.services.database.run(
            "verdict_record",
            category=category,
            failing=failing[category],
            skipped=skipped[category],
        )
    yield AGAIN_SECONDS if failing or any(skipped.values()) else DAY_SECONDS
