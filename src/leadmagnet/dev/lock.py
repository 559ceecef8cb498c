"""One running stack for each folder."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from leadmagnet.dev.account import owner_of


class FolderError(Exception):
    """The folder is in use or belongs to another user; the message says what to do."""


@contextmanager
def only_one_in(folder: Path) -> Iterator[None]:
    folder.mkdir(exist_ok=True)
    if folder.stat().st_uid != os.geteuid():
        owner = owner_of(folder)
        raise FolderError(
            f"{folder} belongs to the user {owner}: start as {owner}, or delete it (with its data)"
        )
    # The kernel gives the lock back when the process ends, however it ends.
    with (folder / "lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise FolderError(
                f"already running in this folder (process {lock.read().strip()}):"
                " stop that one first, or use another folder"
            ) from None
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        yield
