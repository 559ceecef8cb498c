"""Ends a command with one sentence where its input or output is closed, or the disk is full."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

import click

UNWRITTEN = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)


@contextmanager
def in_order() -> Iterator[None]:
    """Around a whole command, its help and its last flush."""
    stdin_is_closed = sys.stdin is None
    # First of all: a connection to the database would take the free number, and be written into.
    if stdin_is_closed:
        # Which reading refuses, as it refuses a closed one.
        sys.stdin = os.fdopen(os.open(os.devnull, os.O_WRONLY))
    if sys.stdout is None:
        # Before anything is done whose answer would be lost, such as a fresh key.
        _end("stdout is closed: nothing was done")
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115
    try:
        try:
            yield
        finally:
            sys.stdout.flush()
    except OSError as error:
        if error.errno == errno.EBADF and stdin_is_closed:
            _end("stdin is closed")
        if error.filename:
            _end(f"{error.filename}: {error.strerror}")
        if error.errno not in (errno.EPIPE, *UNWRITTEN):
            raise
        # Python would try to write the rest once more on its way out, and complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if error.errno == errno.EPIPE:
            # Who reads has seen enough.
            sys.exit(1)
        _end(f"the output cannot be written: {error.strerror}")


def _end(sentence: str) -> NoReturn:
    click.echo(f"Error: {sentence}", err=True)
    sys.exit(1)
