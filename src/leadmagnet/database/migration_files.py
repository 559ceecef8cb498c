"""The files of sql/migrations as Flyway reads them, and what of them a history lacks.

Flyway's rules are those of its versions 12 and 13 (ChecksumCalculator, ResourceNameParser,
JdbcTableSchemaHistory).
"""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

NAME = re.compile(r"(?:V(?P<version>\d+(?:[._]\d+)*)|R)__(?P<description>.*)\.(?i:sql)")
LINE_END = re.compile("\r\n|\r|\n")


class MigrationError(Exception):
    """The folder or the history is not as it must be; the message says which file, and why."""


@dataclass(frozen=True)
class Migration:
    """One file; `version` is None for a repeatable one."""

    version: str | None
    description: str
    script: str
    sql: str
    checksum: int

    @property
    def order(self) -> tuple[bool, tuple[int, ...], str]:
        return (self.version is None, _numbers(self.version), self.description)


def checksum(data: bytes) -> int:
    """Flyway's: CRC32 over the lines without their ends, as a signed 32-bit number.

    Raises UnicodeDecodeError where Flyway fails, too.
    """
    lines = LINE_END.split(data.decode("utf-8"))
    lines[0] = lines[0].removeprefix("\ufeff")
    crc = 0
    for line in lines:
        crc = zlib.crc32(line.encode(), crc)
    return crc - (1 << 32) if crc & 0x80000000 else crc


def read(directory: Path) -> list[Migration]:
    """The folder's migrations in the order of their application. Raises MigrationError."""
    found: dict[tuple[Any, ...], Migration] = {}
    for path in sorted(directory.rglob("*")):
        if path.is_dir():
            continue
        migration = _read(path, path.relative_to(directory).as_posix())
        key = migration.order if migration.version is None else migration.order[:2]
        if other := found.get(key):
            raise MigrationError(f"{migration.script}: same version as {other.script}; rename one")
        found[key] = migration
    return sorted(found.values(), key=lambda file: file.order)


def _read(path: Path, script: str) -> Migration:
    match = NAME.fullmatch(path.name)
    if match is None:
        raise MigrationError(
            f"{script}: not a migration's name; use V<yyyymmdd_hhmmss>__<what>.sql or R__<what>.sql"
        )
    data = path.read_bytes()
    try:
        text = data.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError:
        raise MigrationError(f"{script}: not UTF-8") from None
    if "${" in text:
        raise MigrationError(f"{script}: holds ${{, which Flyway takes for a placeholder")
    if re.search(r"\bINDEX\s+CONCURRENTLY\b", text, re.I):
        raise MigrationError(f"{script}: an index built concurrently hangs under Flyway's lock")
    version = match["version"]
    description = match["description"].replace("_", " ")
    return Migration(
        version=version.replace("_", ".") if version else None,
        description=description if len(description) <= 200 else description[:197] + "...",
        script=script,
        sql=text,
        checksum=checksum(data),
    )


def _numbers(version: str | None) -> tuple[int, ...]:
    """A version as Flyway compares it: by number, without trailing zeros."""
    numbers = [int(part) for part in version.split(".")] if version else []
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)


def pending(migrations: list[Migration], history: list[dict[str, Any]]) -> list[Migration]:
    """What the history lacks. Raises MigrationError for a failed row and for a changed file.

    The history is shared with other folders: a row without a file here belongs to another folder,
    and a file older than the newest row is applied all the same (Flyway: outOfOrder,
    ignoreMigrationPatterns).
    """
    if failed := [row["script"] for row in history if not row["success"]]:
        raise MigrationError(f"{failed[0]}: failed before; repair the history, then migrate again")
    rows = [row for row in history if row["type"] == "SQL"]
    versioned = {_numbers(row["version"]): row for row in rows if row["version"]}
    # The latest row of a repeatable migration counts.
    repeatable = {row["description"]: row for row in rows if not row["version"]}
    due = []
    for migration in migrations:
        if migration.version is None:
            row = repeatable.get(migration.description)
            if row is None or row["checksum"] != migration.checksum:
                due.append(migration)
        elif (row := versioned.pop(_numbers(migration.version), None)) is None:
            due.append(migration)
        else:
            _compare(migration, row)
    return due


def _compare(migration: Migration, row: dict[str, Any]) -> None:
    if row["checksum"] != migration.checksum:
        raise MigrationError(
            f"{migration.script}: changed after it was applied (checksum {migration.checksum},"
            f" applied {row['checksum']}); restore it and write a new migration"
        )
    if row["description"] != migration.description:
        raise MigrationError(
            f"{migration.script}: applied as “{row['description']}”; restore its name"
        )
