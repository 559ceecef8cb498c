"""The list as a file: whole or not at all, and known again when somebody brings it back."""

from __future__ import annotations

import hashlib
import json
import re
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import chain
from typing import IO, Any

from leadmagnet.admin import audit, sheet
from leadmagnet.admin.audit import Caller
from leadmagnet.database import Row, Transaction
from leadmagnet.errors import ActRefused, ExportFileUnavailable
from leadmagnet.funnel import magnets
from leadmagnet.services import Services

PAGE = 1000
# The server cuts an answer off some seconds later.
MOST_SECONDS = 12.0
NEWEST = {
    "before_at": "9999-12-31T00:00:00+00:00",
    "before_id": "ffffffff-ffff-ffff-ffff-ffffffffffff",
}
FILTERS = ("status", "source", "magnet", "asked_from", "asked_before")
ID = re.compile(rb"lm-[0-9a-f]{12}")
LINE_BYTES = 65_536


@dataclass(frozen=True)
class Export:
    """A written export: its open file, at the beginning, which is gone when it is closed."""

    file: IO[bytes]
    id: str
    size: int
    sha256: bytes


def write(
    services: Services,
    caller: Caller,
    *,
    form: str,
    delimiter: str,
    everybody: bool,
    **filters: Any,
) -> Export:
    """Write those who fit into a file, and note it in the audit; then, and only then, return.

    Without `everybody`, only who receives the newsletter. Raises ActRefused while another export is
    being written, or when this one takes too long; ExportFileUnavailable.
    """
    wanted = {name: filters.get(name) for name in FILTERS}
    wanted |= {name: filters.get(name, False) for name in ("without_file", "mail_dead")}
    wanted["newsletter"] = None if everybody else True
    export_id = f"lm-{services.random_bytes(6).hex()}"
    detail = {name: value for name, value in wanted.items() if value}
    detail |= {"export": export_id, "format": form, "everybody": everybody}
    file: IO[bytes] | None = None
    try:
        file = tempfile.TemporaryFile()  # noqa: SIM115 - the answer closes it
        with services.database.transaction(snapshot=True) as transaction:
            between = sheet.DELIMITERS[delimiter] if form == "csv" else None
            told = {"words": json.dumps(sheet.WORDS), "zone": services.config.time_zone}
            pages = _pages(transaction, **wanted, **told, delimiter=between, export=export_id)
            rows, digest = _spool(file, sheet.heading(between) if between else "", pages)
        export = Export(file, export_id, file.tell(), digest)
        detail |= {"rows": rows, "bytes": export.size, "sha256": digest.hex()}
        noted = {name: _plain(value) for name, value in detail.items()}
        audit.record(services.database, caller, "subscribers:export", detail=noted)
        file.seek(0)
    except BaseException as error:
        # On a full disk closing fails once more, for what is still to be written.
        with suppress(OSError):
            if file is not None:
                file.close()
        if isinstance(error, OSError):
            raise ExportFileUnavailable from error
        raise
    return export


def _pages(transaction: Transaction, **wanted: Any) -> Iterator[Row]:
    """A page after the other, all of one snapshot: no more than a page is in memory."""
    begun = transaction.one("export_begin")
    if begun is None or not begun["alone"]:
        raise ActRefused("export_running")
    ends_at = time.monotonic() + MOST_SECONDS
    wanted |= {"magnet_id": magnets.filter_id(transaction, wanted["magnet"]), **NEWEST}
    while True:
        if time.monotonic() > ends_at:
            raise ActRefused("export_too_long")
        page = transaction.one("export_page", **wanted, limit=PAGE)
        assert page is not None  # noqa: S101 - an aggregate always gives a row
        yield page
        if page["rows"] < PAGE:
            return
        wanted |= {"before_at": page["before_at"], "before_id": page["before_id"]}


def _spool(file: IO[bytes], heading: str, pages: Iterator[Row]) -> tuple[int, bytes]:
    """How many rows were written, and the SHA-256 of the whole file."""
    digest, rows = hashlib.sha256(), 0
    for page in chain([{"rows": 0, "lines": heading}], pages):
        data = (page["lines"] or "").encode()
        digest.update(data)
        file.write(data)
        rows += page["rows"]
    file.flush()
    return rows, digest.digest()


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return value if isinstance(value, str | int | None) else str(value)


def verify(
    services: Services,
    file: IO[bytes],
    *,
    watched: Callable[[Iterator[bytes]], Iterator[bytes]] = iter,
) -> tuple[bool, str]:
    """Whether a file is a whole export of ours, and in a sentence what it is."""
    digest, rows = hashlib.sha256(), Counter[str]()
    for line in watched(iter(partial(file.readline, LINE_BYTES), b"")):
        digest.update(line)
        # The last column, for the others hold what visitors wrote.
        rows.update(each.decode() for each in ID.findall(line)[-1:])
    known = services.database.one("export_known", sha256=digest.hexdigest(), ids=sorted(rows))
    if known is None:
        return False, "unknown: no export of this database, or altered in all of its rows"
    detail = known["detail"]
    number, total = rows[detail["export"]], detail["rows"]
    all_rows = "1 row" if total == 1 else f"{total} rows"
    by = f"exported by {known['actor']} at {known['occurred_at']:%Y-%m-%d %H:%M} UTC"
    if known["whole"]:
        return True, f"complete: {all_rows}, {by}"
    if number < total:
        return False, f"truncated: {number} of {all_rows}, altered or not, {by}"
    return False, f"altered: edited, or saved again by another program; {all_rows}, {by}"
