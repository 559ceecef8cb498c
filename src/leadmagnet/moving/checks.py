"""Compares what was set aside with what is here, before the old tables go."""

from __future__ import annotations

from dataclasses import dataclass

from leadmagnet.database import Row
from leadmagnet.moving.steps import one, require_aside, run, transaction


@dataclass(frozen=True)
class Comparison:
    """The former states beside the present ones, and the links that still work."""

    states: list[Row]
    links: int
    links_known: int

    @property
    def not_here(self) -> int:
        return sum(row["people"] for row in self.states if row["present"] is None)

    @property
    def here(self) -> int:
        return sum(row["people"] for row in self.states if row["present"] is not None)

    @property
    def imported(self) -> bool:
        """Whether an import has run: there is nobody to import, or somebody was."""
        return self.here > 0 or self.not_here == 0


def compare(url: str) -> Comparison:
    """Read both sides. Raises MovingError where there are not both."""
    with transaction(url) as conn:
        require_aside(conn)
        states = run(conn, "prospectflow_states").fetchall()
        links = one(conn, "prospectflow_live_links")
    return Comparison(states, links["links"], links["known"])
