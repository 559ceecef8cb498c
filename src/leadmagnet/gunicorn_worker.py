"""gunicorn's threaded worker, ending without a reset for anybody who is connected."""

from __future__ import annotations

import select

from gunicorn.workers.gthread import ThreadWorker


class DrainingWorker(ThreadWorker):  # type: ignore[misc]
    """gunicorn's own leaves its port open, unserved, until its last request is over: the kernel
    goes on completing connections there, and their requests die by a reset. This one takes in all
    who are connected and closes the port at once, so that newcomers are refused before they write.
    """

    def set_accept_enabled(self, enabled: bool) -> None:
        super().set_accept_enabled(enabled)
        if not self.alive:
            for listener in self.sockets:
                waiting = select.poll()
                waiting.register(listener, select.POLLIN)
                while waiting.poll(0):
                    self.accept(listener)
                listener.close()
