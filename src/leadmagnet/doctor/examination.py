"""Makes the checks, one after another, and turns whatever keeps one from being made into words."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import NamedTuple

from leadmagnet.adapters.inspection import NotAnswered, NotFound, NotPermitted
from leadmagnet.adapters.names import NamesUnknown
from leadmagnet.database.reasons import why
from leadmagnet.doctor import checkup, dns, file, mail, settings, site
from leadmagnet.doctor.findings import Check, Finding, Skip, Surroundings, Verdict
from leadmagnet.errors import Unavailable

CATEGORIES: dict[str, dict[str, Check]] = {
    "settings": settings.CHECKS,
    "database": checkup.CHECKS,
    "mail": mail.CHECKS,
    "file": file.CHECKS,
    "dns": dns.CHECKS,
    "site": site.CHECKS,
}


class Checked(NamedTuple):
    category: str
    check: str
    finding: Finding


def examine(given: Surroundings, categories: Collection[str]) -> Iterator[Checked]:
    """Each check of the categories, in their order here."""
    for category, checks in CATEGORIES.items():
        if category in categories:
            for name, check in checks.items():
                yield Checked(category, name, made(check, given))


def unmade(categories: Collection[str], reason: str) -> Iterator[Checked]:
    """The same, where nothing can be looked at."""
    for category, checks in CATEGORIES.items():
        if category in categories:
            for name in checks:
                yield Checked(category, name, _skipped(reason))


def made(check: Check, given: Surroundings) -> Finding:
    """What one check finds; skipped where something keeps it from being made."""
    try:
        return check(given)
    except Skip as reason:
        return _skipped(str(reason))
    except NotPermitted as right:
        said = f"not permitted: {right} (DoctorPolicy of deploy/aws/template.yaml)"
        return _skipped(said, unanswered=True)
    except NotFound:
        return _skipped("there is none")
    except NotAnswered as reason:
        return _skipped(f"AWS cannot be asked: {reason}", unanswered=True)
    except NamesUnknown as reason:
        return _skipped(f"the DNS cannot be asked: {reason}", unanswered=True)
    except Unavailable as error:
        said = why(error.__cause__ or error).sentence.partition(": ")[0]
        return _skipped(said, unanswered=True)


def _skipped(reason: str, *, unanswered: bool = False) -> Finding:
    return Finding(Verdict.SKIPPED, reason, unanswered=unanswered)
