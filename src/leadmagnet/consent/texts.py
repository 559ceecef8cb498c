"""The consent texts as data: a new text is a new row, and takes the place of the current one."""

from __future__ import annotations

import re
import unicodedata
from types import EllipsisType

from leadmagnet.database import Database, Row, Transaction
from leadmagnet.errors import ActRefused, MagnetUnknown, Refused, TextUnknown

MOST_CHARACTERS = 2000
MOST_VERSION_CHARACTERS = 50
MOST_URL_CHARACTERS = 500


def one_line(text: str, *, at_most: int) -> bool:
    """Whether a page can show this as it is: not empty, and without control or bidi characters.
    The spaces that French sets before its marks are no obstacle."""
    shown = all(char.isprintable() or unicodedata.category(char) == "Zs" for char in text)
    return bool(text.strip()) and len(text) <= at_most and shown


def listed(database: Database, *, magnet: str | None = None) -> list[Row]:
    """All texts, current and retired, or those of one magnet."""
    return database.all("texts_list", magnet=magnet)


def add(
    transaction: Transaction,
    *,
    magnet: str,
    purpose: str,
    locale: str,
    text: str,
    policy_version: str,
    policy_url: str,
    replaces: str | EllipsisType | None = ...,
) -> tuple[str, str | None]:
    """Add a text and retire the one it replaces, at once; their ids.

    With `replaces`, the id of the text that the author has seen (None for none), another current
    text is not replaced. Raises Refused, MagnetUnknown, ActRefused.
    """
    if not one_line(text, at_most=MOST_CHARACTERS):
        said = f"the text must be one line of at most {MOST_CHARACTERS} characters, and not empty"
        raise Refused({"/text": "field_invalid"}, said)
    if not one_line(policy_version, at_most=MOST_VERSION_CHARACTERS):
        said = f"a policy version has 1 to {MOST_VERSION_CHARACTERS} characters on one line"
        raise Refused({"/policyVersion": "field_invalid"}, said)
    if not re.fullmatch(r"https?://[!-~]+", policy_url) or len(policy_url) > MOST_URL_CHARACTERS:
        said = "the policy's address must be an http(s) address"
        raise Refused({"/policyUrl": "field_invalid"}, said)
    place = {"magnet": magnet, "purpose": purpose, "locale": locale}
    words = {"text": text, "policy_version": policy_version, "policy_url": policy_url}
    if transaction.one("text_magnet", magnet=magnet) is None:
        raise MagnetUnknown(f"there is no magnet {magnet!r} that is not retired")
    retired = transaction.one("text_retire_current", **place, **words)
    replaced = retired["id"] if retired else None
    added = None
    if replaces in (replaced, ...):
        added = transaction.one("text_add", **place, **words)
    if added is None:
        if current := transaction.one("text_same", **place, **words):
            said = f"{current['id']} is this very text already: nothing was changed"
            raise ActRefused("text_current", said)
        said = "another text has just been added there: look at it first"
        raise ActRefused("changed_meanwhile", said)
    return added["id"], replaced


def retire(transaction: Transaction, text_id: str) -> str:
    """Take a text off the pages of a magnet, whose slug is the answer. Raises TextUnknown when it
    is not on them."""
    retired = transaction.one("text_retire", id=text_id)
    if retired is None:
        raise TextUnknown(f"there is no current text {text_id!r}")
    return str(retired["slug"])
