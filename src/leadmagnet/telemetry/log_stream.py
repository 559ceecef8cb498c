"""Writes log lines without ever waiting for their reader."""

from __future__ import annotations

import fcntl
import json
import logging
import os
import select
import socket
import stat
from contextlib import suppress
from typing import TextIO

# Up to here a pipe takes a line whole or not at all (POSIX: PIPE_BUF).
AT_MOST = select.PIPE_BUF


class LogStream(logging.Handler):
    """A line for which there is no room is dropped and counted: a reader that stalls may cost
    lines, never answers."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self._dropped = 0
        self._rest = b""
        self._stream = stream
        self._fd: int | None = None
        self._socket: socket.socket | None = None
        with suppress(OSError, ValueError):
            self._open(stream.fileno())

    def _open(self, fd: int) -> None:
        mode = os.fstat(fd).st_mode
        if stat.S_ISSOCK(mode):
            self._socket = socket.socket(fileno=os.dup(fd))
        elif stat.S_ISFIFO(mode):
            # Opened anew, for itself alone: O_NONBLOCK belongs to what was opened, which other
            # processes share. Where that is not allowed, it has to be this one.
            try:
                self._fd = os.open(f"/proc/self/fd/{fd}", os.O_WRONLY | os.O_NONBLOCK)
            except OSError:
                fcntl.fcntl(fd, fcntl.F_SETFL, fcntl.fcntl(fd, fcntl.F_GETFL) | os.O_NONBLOCK)
                self._fd = fd
        else:
            self._fd = fd

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._write(self.format(record))
        except OSError:  # no room in the pipe, or on the disk
            self._dropped += 1
        except Exception:
            self.handleError(record)

    def _write(self, line: str) -> None:
        if self._dropped:
            told = {"level": "warning", "event": "log_lines_dropped", "lines": self._dropped}
            self._put(json.dumps(told))
            self._dropped = 0
        self._put(line)

    def _put(self, line: str) -> None:
        if self._rest:
            self._rest = self._rest[self._send(self._rest) :]
            if self._rest:
                raise BlockingIOError
        data = line.encode()[: AT_MOST - 1] + b"\n"
        self._rest = data[self._send(data) :]

    def _send(self, data: bytes) -> int:
        """How much was taken: of a socket's line perhaps a part, whose rest goes next."""
        if self._socket:
            return self._socket.send(data, socket.MSG_DONTWAIT)
        if self._fd is not None:
            return os.write(self._fd, data)
        # A stream of a test, without a file behind it.
        self._stream.write(data.decode(errors="replace"))
        return len(data)

    def close(self) -> None:
        if self._socket:
            self._socket.close()
        super().close()
