"""Reads the settings that say who the studio is: its words, page, time zone and colours."""

from __future__ import annotations

import re
from collections.abc import Callable
from zoneinfo import ZoneInfo

# What stands behind and upon the studio's colour in the mails' layout.
LIGHT = ("#fffdf9", "#f3eee7", "#fffaf4")
DARK = ("#23201c", "#171512", "#2b1c13")
LEAST_CONTRAST = 4.5


def words(at_most: int) -> Callable[[str], str]:
    def parse(value: str) -> str:
        if len(value) > at_most or re.search(r"[\x00-\x1f\x7f]", value):
            raise ValueError(f"must be one line of at most {at_most} characters")
        return value

    return parse


def path(value: str) -> str:
    if not re.fullmatch(r"/[A-Za-z0-9/._~%?=&-]*", value) or value.startswith("//"):
        raise ValueError("must be a path on SITE_URL, like /privacy")
    return value


def time_zone(value: str) -> str:
    try:
        return ZoneInfo(value).key
    except (OSError, LookupError, ValueError):  # a folder of zones is an OSError
        raise ValueError("must name a time zone, like Europe/Paris") from None


def readable_on_light(value: str) -> str:
    return _readable(value, LIGHT, "darker")


def readable_on_dark(value: str) -> str:
    return _readable(value, DARK, "lighter")


def contrast(one: str, other: str) -> float:
    """How well one stands out from the other (WCAG 2): 1 is the same, 21 black and white."""
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def _readable(value: str, others: tuple[str, ...], wanted: str) -> str:
    if not re.fullmatch("#[0-9a-fA-F]{6}", value):
        raise ValueError("must be a colour, like #7d4c36")
    if min(contrast(value, other) for other in others) < LEAST_CONTRAST:
        raise ValueError(f"must be {wanted}: links and the button's text could not be read")
    return value.lower()


def _luminance(colour: str) -> float:
    parts = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    linear = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return sum(w * p for w, p in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
