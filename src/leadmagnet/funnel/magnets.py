"""What the studio offers, and whether its files are in the bucket."""

from __future__ import annotations

import logging

from leadmagnet.database import Row
from leadmagnet.errors import MagnetUnknown
from leadmagnet.services import Services

log = logging.getLogger(__name__)


def offered(services: Services, *, locale: str) -> list[Row]:
    """The magnets that a visitor can sign up for, oldest first."""
    return services.database.all("magnet_list", locale=locale)


def page(services: Services, slug: str, *, locale: str) -> Row:
    """What a page shows: title, description, consent texts. Raises MagnetUnknown."""
    row = services.database.one("magnet_page", slug=slug, locale=locale)
    if row is None:
        raise MagnetUnknown
    return row


def check_files(services: Services) -> None:
    """Mark the magnets whose file is missing, so that no visitor is sent to it."""
    for magnet in services.database.all("magnet_files"):
        found = services.files.exists(magnet["s3_key"])
        if not found:
            log.error("magnet_file_missing", extra={"magnet": magnet["slug"]})
        if found == magnet["missing"]:
            services.database.run("magnet_file_found", magnet_id=magnet["id"], found=found)
