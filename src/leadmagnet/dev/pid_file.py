"""Whether a PostgreSQL server holds a data directory."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def running_server(data_dir: Path) -> int | None:
    """The server that holds this directory; a pid file without one is removed."""
    pid_file = data_dir / "postmaster.pid"
    try:
        pid = int(pid_file.read_text().split()[0])
        os.kill(pid, 0)
        # After a restart of a container the number may long be somebody else's, and PostgreSQL
        # would refuse to start because of it.
        if sys.platform == "linux" and Path(f"/proc/{pid}/comm").read_text().strip() != "postgres":
            raise ProcessLookupError
    except PermissionError:
        return pid
    except (FileNotFoundError, IndexError, ValueError):
        return None
    except ProcessLookupError:
        pid_file.unlink(missing_ok=True)
        return None
    return pid
