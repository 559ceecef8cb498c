"""A socket to http.client, whose every wait ends at one deadline."""

from __future__ import annotations

import io
import socket
import ssl
import time
from typing import Any


class Deadline:
    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    def left(self) -> float:
        """Raises TimeoutError when it has passed."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left


class Wire(io.RawIOBase):
    """A socket's own timeout starts again with each byte that a consumer dribbles."""

    def __init__(self, connection: socket.socket, deadline: Deadline) -> None:
        # Head and body are two packets: the second shall not wait for the first's delayed ACK.
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._connection = connection
        self._deadline = deadline

    def secure(self, tls: ssl.SSLContext, host: str) -> None:
        self._connection = tls.wrap_socket(
            self._connection, server_hostname=host, do_handshake_on_connect=False
        )
        self._connection.settimeout(self._deadline.left())
        self._connection.do_handshake()

    def sendall(self, data: bytes) -> None:
        while data:
            self._connection.settimeout(self._deadline.left())
            data = data[self._connection.send(data) :]

    def makefile(self, mode: str) -> io.BufferedReader:
        return io.BufferedReader(self)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._connection.settimeout(self._deadline.left())
        return self._connection.recv_into(buffer)

    def close(self) -> None:
        self._connection.close()
        super().close()
