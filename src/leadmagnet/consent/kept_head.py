"""The end of the chain in a file, which access to the database alone cannot change."""

from __future__ import annotations

import os
from pathlib import Path

from leadmagnet.consent.chain import Head


class KeptHeadError(Exception):
    """The file cannot be read, or holds something else; the message says what to do."""


def read(path: Path) -> Head | None:
    """The head that was written last; None where there is no file yet. Raises KeptHeadError."""
    try:
        return Head.parse(path.read_text(encoding="ascii"))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise KeptHeadError(
            f"LEDGER_HEAD_FILE cannot be read ({error.strerror}): it must name a file that the"
            " worker may read and replace"
        ) from None
    except ValueError:
        raise KeptHeadError(
            "LEDGER_HEAD_FILE holds something else than a head of the ledger: find out who changed"
            " it, then move it away and restart the worker"
        ) from None


def write(path: Path, head: Head) -> None:
    """Replace what the file holds, whole or not at all. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    written = path.with_name(f".{path.name}.{os.getpid()}")
    written.write_text(f"{head}\n", encoding="ascii")
    written.replace(path)
