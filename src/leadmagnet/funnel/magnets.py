"""What the studio offers, how that is changed, and whether its files are in the bucket."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Sequence

from leadmagnet.consent.texts import one_line
from leadmagnet.database import Database, Row, Transaction
from leadmagnet.errors import (
    ActRefused,
    ChangedMeanwhile,
    LeadMagnetError,
    MagnetUnknown,
    Refused,
)
from leadmagnet.services import Services

log = logging.getLogger(__name__)

LOCALES = ("fr", "en")
MOST_SLUG_CHARACTERS = 60
MOST_TITLE_CHARACTERS = 150
MOST_DESCRIPTION_CHARACTERS = 1000
MOST_FILE_NAME_CHARACTERS = 150


def offered(services: Services, *, locale: str) -> list[Row]:
    """The magnets that a visitor can sign up for, oldest first."""
    return services.database.all("magnet_list", locale=locale)


def page(services: Services, slug: str, *, locale: str) -> Row:
    """What a page shows: title, description, consent texts. Raises MagnetUnknown."""
    row = services.database.one("magnet_page", slug=slug, locale=locale)
    if row is None:
        raise MagnetUnknown
    return row


def listed(database: Database | Transaction, slug: str | None = None) -> list[Row]:
    """Every magnet, drafts and retired ones included, with its current consent texts counted; or
    the one of a slug."""
    return database.all("magnets_listed", slug=slug)


def filter_id(database: Database | Transaction, slug: str | None) -> int | None:
    """The id to filter a list by: None for all magnets; for an unknown slug one that no magnet has,
    so that nobody fits."""
    row = database.one("magnet_filter", slug=slug) if slug else None
    return row["id"] if row else None


def add(
    transaction: Transaction,
    *,
    slug: str,
    title: dict[str, str],
    description: dict[str, str],
    file_name: str,
) -> None:
    """Make a magnet, `title` and `description` by locale: a draft until it has a file.
    Raises Refused, ActRefused."""
    if not re.fullmatch("[a-z0-9]+(-[a-z0-9]+)*", slug) or len(slug) > MOST_SLUG_CHARACTERS:
        said = "a slug has lower-case letters, digits and single hyphens, 60 at most"
        raise Refused({"/slug": "field_invalid"}, said)
    given = _checked(title, description, file_name)
    if transaction.one("magnet_add", slug=slug, **given) is None:
        said = f"there is a magnet {slug!r} already: use `leadmagnet magnets put`"
        raise ActRefused("magnet_exists", said)


def change(
    transaction: Transaction,
    slug: str,
    *,
    title: dict[str, str] | None = None,
    description: dict[str, str] | None = None,
    file_name: str | None = None,
    versions: Sequence[int] | None = None,
) -> None:
    """Change what is given. With `versions`, only one of these is changed. Raises Refused,
    MagnetUnknown, ChangedMeanwhile, ActRefused."""
    given = _checked(title, description, file_name)
    seen = None if versions is None else list(versions)
    if transaction.one("magnet_change", slug=slug, **given, versions=seen) is None:
        raise refusal(transaction, slug)


def retire(transaction: Transaction, slug: str) -> None:
    """Offer a magnet no more; links in mails keep working. Raises MagnetUnknown, ActRefused."""
    if transaction.one("magnet_retire", slug=slug) is None:
        raise refusal(transaction, slug)


def refusal(transaction: Transaction, slug: str) -> LeadMagnetError:
    """Why a magnet could not be changed, by what it is now."""
    rows = listed(transaction, slug)
    return refused(rows[0]) if rows else MagnetUnknown(f"there is no magnet {slug!r}")


def refused(magnet: Row) -> LeadMagnetError:
    """Why this magnet is not changed: retired, or another version than the caller has seen."""
    if magnet["retired_at"]:
        return ActRefused("magnet_retired", f"{magnet['slug']} is retired")
    return ChangedMeanwhile("the magnet has been changed meanwhile: look at it again")


def check_files(services: Services) -> None:
    """Mark the magnets whose file is missing, so that no visitor is sent to it."""
    for magnet in services.database.all("magnet_files"):
        found = services.files.exists(magnet["s3_key"])
        if not found:
            log.error("magnet_file_missing", extra={"magnet": magnet["slug"]})
        if found == magnet["missing"]:
            services.database.run("magnet_file_found", magnet_id=magnet["id"], found=found)


def _checked(
    title: dict[str, str] | None, description: dict[str, str] | None, file_name: str | None
) -> dict[str, str | None]:
    for field, texts, most in (
        ("title", title, MOST_TITLE_CHARACTERS),
        ("description", description, MOST_DESCRIPTION_CHARACTERS),
    ):
        for locale in LOCALES if texts is not None else ():
            if not one_line((texts or {}).get(locale, ""), at_most=most):
                said = f"a {field} has 1 to {most} characters on one line, in each language"
                raise Refused({f"/{field}/{locale}": "field_invalid"}, said)
    named = file_name is None or one_line(file_name, at_most=MOST_FILE_NAME_CHARACTERS)
    if not named or re.search(r"[/\\]", file_name or ""):
        said = f"a file name has 1 to {MOST_FILE_NAME_CHARACTERS} characters, none of them / or \\"
        raise Refused({"/fileName": "field_invalid"}, said)
    return {
        "title": json.dumps(title) if title else None,
        "description": json.dumps(description) if description else None,
        "file_name": file_name,
    }
