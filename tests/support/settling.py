"""What a worker does with the requests that wait."""

from __future__ import annotations

from leadmagnet.funnel import settlements
from leadmagnet.services import Services


def settle(services: Services) -> int:
    """Settle all that waits; how many."""
    total = 0
    while settled := settlements.settle(services):
        total += settled
    return total
