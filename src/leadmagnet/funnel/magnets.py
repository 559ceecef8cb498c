"""What the studio offers, and whether its file is really there."""

from __future__ import annotations

import logging

from leadmagnet.database import Row
from leadmagnet.errors import MagnetUnknown
from leadmagnet.services import Services

log = logging.getLogger(__name__)


def page(services: Services, slug: str, *, locale: str) -> Row:
    """What the page shows: title, description, consent texts. Raises MagnetUnknown."""
    row = services.database.one("magnet_page", slug=slug, locale=locale)
    if row is None:
        raise MagnetUnknown
    return row


def check_files(services: Services) -> None:
    """Look at each magnet's file, so that a visitor is never sent to one that is not there."""
    for magnet in services.database.all("magnet_files"):
        found = services.files.exists(magnet["s3_key"])
        if not found:
            log.error("magnet_file_missing", extra={"magnet": magnet["slug"]})
        if found == magnet["missing"]:
            services.database.run("magnet_file_found", magnet_id=magnet["id"], found=found)
