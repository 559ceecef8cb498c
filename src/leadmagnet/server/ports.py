"""Which TCP ports of this machine can be listened on."""

from __future__ import annotations

import errno
import os
import socket
import time

TAKEN = os.strerror(errno.EADDRINUSE)
# For so long the workers of a server that was killed may hold its port.
PATIENCE = 3.0


def refusal(host: str, port: int) -> str | None:
    """Why this port cannot be listened on; None when it can."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        # Without it a port would count as taken for a minute after its last connection.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen()
        except OSError as error:
            return error.strerror or str(error)
    return None


def lasting_refusal(host: str, port: int, *, patience: float = PATIENCE) -> str | None:
    """The same, once a port that is taken had time to be left."""
    end = time.monotonic() + patience
    while (reason := refusal(host, port)) == TAKEN and time.monotonic() < end:
        time.sleep(0.1)
    return reason
