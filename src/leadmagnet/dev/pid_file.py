"""Whether a PostgreSQL server holds a data directory."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path


def running_server(data_dir: Path) -> int | None:
    """The server that holds this directory; a pid file without one is removed."""
    pid_file = data_dir / "postmaster.pid"
    try:
        pid = int(pid_file.read_text().split()[0])
        with suppress(PermissionError):
            os.kill(pid, 0)
        # After a restart of a container or of the machine the number may belong to another process,
        # even another PostgreSQL's, and ours would refuse to start because of it.
        if sys.platform == "linux" and os.fsencode(data_dir.absolute()) not in _arguments(pid):
            raise ProcessLookupError
    except (FileNotFoundError, IndexError, ValueError):
        return None
    except ProcessLookupError:
        pid_file.unlink(missing_ok=True)
        return None
    return pid


def _arguments(pid: int) -> list[bytes]:
    return Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
