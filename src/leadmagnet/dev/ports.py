"""Finds TCP ports of this machine that are free."""

from __future__ import annotations

import socket
from pathlib import Path

from leadmagnet.server.ports import refusal


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
