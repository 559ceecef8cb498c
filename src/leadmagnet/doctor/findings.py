"""What a check finds, and what it is given to look at."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from leadmagnet.admin.settings import AdminConfig
from leadmagnet.config import MigrationConfig
from leadmagnet.services import Services

if TYPE_CHECKING:
    from leadmagnet.adapters.inspection import Inspection
    from leadmagnet.adapters.names import Names
    from leadmagnet.adapters.pages import Pages


class Verdict(StrEnum):
    OK = "ok"
    WARN = "warn"
    FAIL = "fail"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class Finding:
    """What was found in a few words, and one line that mends it. No secret and no address."""

    verdict: Verdict
    said: str
    fix: str | None = None
    # Somebody did not answer: the same check may well be made in an hour.
    unanswered: bool = False


class Skip(Exception):
    """The check cannot be made; the message says why."""


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """All that the checks look at; each way to the network is passed in."""

    services: Services
    admin: AdminConfig
    migration: MigrationConfig | None
    misspelt: Mapping[str, str]
    aws: Inspection
    names: Names
    pages: Pages
    now: Callable[[], datetime]
    sleep: Callable[[float], object]
    env_file: Path


Check = Callable[[Surroundings], Finding]


def ok(said: str) -> Finding:
    return Finding(Verdict.OK, said)


def warn(said: str, fix: str) -> Finding:
    return Finding(Verdict.WARN, said, fix)


def fail(said: str, fix: str) -> Finding:
    return Finding(Verdict.FAIL, said, fix)


def in_two(sentence: str) -> tuple[str, str]:
    """What is the matter, and what to do: our sentences have a colon in between."""
    said, _, remedy = sentence.partition(": ")
    command = re.fullmatch("run `(.*)`", remedy)
    return said, command[1] if command else remedy or "docs/operating.md says how"
