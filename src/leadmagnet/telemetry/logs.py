"""Log lines as JSON on stdout: an event's name and ids, never a person.

Exceptions are logged by type and place alone, because their messages repeat what was typed.
"""

from __future__ import annotations

import json
import logging
import sys
import traceback
from datetime import UTC, datetime
from typing import Any, TextIO

from leadmagnet.telemetry.log_stream import LogStream

_encode = json.JSONEncoder(ensure_ascii=False, default=str).encode
_PLAIN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
        }
        line |= {key: value for key, value in vars(record).items() if key not in _PLAIN}
        if record.exc_info and record.exc_info[1]:
            error = record.exc_info[1]
            line["error"] = type(error).__name__
            line["where"] = [
                f"{frame.filename.rpartition('/')[2]}:{frame.lineno} {frame.name}"
                for frame in traceback.extract_tb(error.__traceback__)[-8:]
            ]
        return _encode(line)


def configure(level: str, stream: TextIO | None = None) -> None:
    """Send our events, and other libraries' warnings by name alone, to the stream, or stdout."""
    handler = LogStream(stream or sys.stdout)
    handler.setFormatter(JsonFormatter())
    handler.addFilter(unsaid)
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("leadmagnet").setLevel(level)
    # What no line of ours shows.
    logging.logThreads = logging.logMultiprocessing = False


def unsaid(record: logging.LogRecord) -> bool:
    """Replace a library's message, which may quote addresses or URLs, by where it was said."""
    if not record.name.startswith("leadmagnet"):
        record.msg, record.args = "library_warning", ()
        record.__dict__["logger"] = record.name
    return True
