"""Medians, spreads, and Markdown tables of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import median


def spread(values: Iterable[float]) -> float:
    """How far apart the rounds are: largest minus smallest, as a share of the median."""
    values = list(values)
    return (max(values) - min(values)) / median(values)


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def number(value: float) -> str:
    if value != value:
        return ""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"
