"""One deadline over a whole call of boto3, which itself limits only each wait for some bytes."""

from __future__ import annotations

import os
import socket
import threading
from contextlib import suppress
from typing import Any

from botocore.awsrequest import (
    AWSHTTPConnection,
    AWSHTTPConnectionPool,
    AWSHTTPSConnection,
    AWSHTTPSConnectionPool,
)


def cut_when_overdue(client: Any) -> None:
    """Give the client connections that a Call can cut; botocore has no setting for that."""
    session = client._endpoint.http_session
    session._manager.pool_classes_by_scheme = session._pool_classes_by_scheme = _POOLS


class Call:
    """One call in this thread. When its time is over the connection is cut, which ends the
    wait for an answer that never comes, or that comes byte by byte."""

    current = threading.local()

    def __init__(self, seconds: float) -> None:
        self.sent = self.expired = False
        self.connection: Any = None
        self.socket: Any = None
        self._timer = threading.Timer(seconds, self._expire)
        self._timer.daemon = True

    def __enter__(self) -> None:
        self.current.call = self
        self._timer.start()

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()

    def _expire(self) -> None:
        self.expired = True
        wire = self.socket or getattr(self.connection, "sock", None)
        # Not closed: the thread that waits on it does that, which the end of the stream wakes.
        if wire is not None:
            with suppress(OSError), socket.socket(fileno=os.dup(wire.fileno())) as same:
                same.shutdown(socket.SHUT_RDWR)


class _Watched:
    """A connection that its thread's call can cut."""

    sock: Any

    def connect(self) -> None:
        call = Call.current.call
        call.connection = self
        super().connect()  # type: ignore[misc]
        if call.expired:
            raise TimeoutError

    def request(self, *args: Any, **kwargs: Any) -> Any:
        call = Call.current.call
        if self.sock is None:
            self.connect()
        call.socket, call.sent = self.sock, True
        return super().request(*args, **kwargs)  # type: ignore[misc]


class _WatchedHTTP(_Watched, AWSHTTPConnection):  # type: ignore[misc]
    pass


class _WatchedHTTPS(_Watched, AWSHTTPSConnection):  # type: ignore[misc]
    pass


class _HTTPPool(AWSHTTPConnectionPool):  # type: ignore[misc]
    ConnectionCls = _WatchedHTTP


class _HTTPSPool(AWSHTTPSConnectionPool):  # type: ignore[misc]
    ConnectionCls = _WatchedHTTPS


_POOLS = {"http": _HTTPPool, "https": _HTTPSPool}
