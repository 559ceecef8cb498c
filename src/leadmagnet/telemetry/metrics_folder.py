"""The folder where the processes of one gunicorn keep their counts, and its end."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

PREFIX = "leadmagnet-metrics-"


def make() -> str:
    """A new folder, named by this process, which becomes gunicorn; those of servers that died
    without cleaning up are removed."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        number = folder.name.removeprefix(PREFIX).partition("-")[0]
        if not (number.isdecimal() and _alive(int(number))):
            shutil.rmtree(folder, ignore_errors=True)
    return tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-")


def remove(pid: int) -> None:
    """When the gunicorn with this number ends."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}{pid}-*"):
        shutil.rmtree(folder, ignore_errors=True)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
