"""Which TCP ports of this machine can be listened on."""

from __future__ import annotations

import errno
import os
import socket
from pathlib import Path

TAKEN = os.strerror(errno.EADDRINUSE)


def refusal(host: str, port: int) -> str | None:
    """Why this port cannot be listened on; None when it can."""
    with socket.socket() as probe:
        # Without it a port would count as taken for a minute after its last connection.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen()
        except OSError as error:
            return error.strerror or str(error)
    return None


def is_free(host: str, port: int) -> bool:
    return refusal(host, port) is None


def free_port(host: str = "127.0.0.1") -> int:
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def kept_port(file: Path) -> int:
    """The one of the last start, if it is still free: saved connections stay good."""
    if file.exists() and is_free("127.0.0.1", port := int(file.read_text())):
        return port
    port = free_port()
    file.write_text(str(port))
    return port
