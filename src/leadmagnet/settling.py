"""When the worker settles requests: at once when told of one, and for a while often by itself."""

from __future__ import annotations

import time
from collections.abc import Callable

from leadmagnet.funnel import settlements
from leadmagnet.services import Services

# After work it looks again this often for a while: a request notifies only now and then, because
# notifying makes the server's commits wait for each other.
AWAKE_POLL_SECONDS = 0.02
AWAKE_SECONDS = 2.0


class Settling:
    """The work of one lane: `wait` pauses it, and returns early when the worker has to stop."""

    def __init__(
        self,
        services: Services,
        wait: Callable[[float], object],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._services = services
        self._wait = wait
        self._clock = clock
        self._awake_until = 0.0

    def take(self) -> int | None:
        """Settle a batch; how many. None when nothing waits and nothing did for a while."""
        settled = settlements.settle(self._services)
        if settled:
            self._awake_until = self._clock() + AWAKE_SECONDS
        elif self._clock() < self._awake_until:
            self._wait(AWAKE_POLL_SECONDS)
        else:
            return None
        return settled
