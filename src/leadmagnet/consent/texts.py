"""The consent texts as data: a new text is a new row, and takes the place of the current one."""

from __future__ import annotations

from leadmagnet.database import Database, Row


class TextError(Exception):
    """The text cannot be added or retired; the message says why."""


def listed(database: Database) -> list[Row]:
    return database.all("texts_list")


def add(
    database: Database,
    *,
    magnet: str,
    purpose: str,
    locale: str,
    text: str,
    policy_version: str,
    policy_url: str,
) -> tuple[str, str | None]:
    """Add a text and retire the one it replaces, at once; their ids. Raises TextError."""
    place = {"magnet": magnet, "purpose": purpose, "locale": locale}
    with database.transaction() as transaction:
        replaced = transaction.one("text_retire_current", **place)
        added = transaction.one(
            "text_add", **place, text=text, policy_version=policy_version, policy_url=policy_url
        )
        if added is None:
            raise TextError(f"there is no magnet {magnet!r}")
    return added["id"], replaced["id"] if replaced else None


def retire(database: Database, text_id: str) -> None:
    """Take a text off the pages. Raises TextError when it is not on them."""
    if database.one("text_retire", id=text_id) is None:
        raise TextError(f"there is no current text {text_id!r}")
