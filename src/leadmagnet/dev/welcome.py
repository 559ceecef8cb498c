"""What `leadmagnet dev` says when everything is up: what runs where, and what to try."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from leadmagnet.dev.settings import SITE_URL, api_host

LEADMAGNET = ".venv/bin/leadmagnet"
STAND_IN = """\
  `make site` serves in another terminal (with Node 20.19, or 22.12 or newer). Until
  then, a page there gives you a line for curl that does the same."""
OWN_APP = """\
  an app of your own serves at SITE_URL, or else `make site` in another terminal."""
BODY = '{"email":"ada@example.org","consents":["guide-mariee-sereine-delivery-fr-1"]}'


def welcome(settings: Mapping[str, str], folder: Path) -> str:
    api = f"http://{api_host(settings)}:{settings['PORT']}"
    mailbox = settings["AWS_ENDPOINT_URL_SESV2"]
    ours = settings["SITE_URL"] == SITE_URL
    places = {
        "API": api,
        "Explorer": f"{api}/docs",
        "Mailbox": mailbox,
        "Site": f"{settings['SITE_URL']}  ({'once `make site` runs' if ours else 'your own app'})",
        "PostgreSQL": _without_password(settings["DATABASE_URL"]),
        "S3": f"{settings['AWS_ENDPOINT_URL_S3']}/{settings['S3_BUCKET']}",
        "Settings": f"{folder}/env",
    }
    return "\n".join(
        [
            "",
            *(f"  {name:<12}{place}" for name, place in places.items()),
            "",
            "  Try it:",
            "",
            f"    curl -X POST {api}/api/lead-magnet/signup \\",
            "      -H 'Content-Type: application/json' \\",
            f"      -d '{BODY}'",
            "",
            f"  then open the mailbox, {mailbox}. Its button leads to the site, which",
            STAND_IN if ours else OWN_APP,
            "",
            "  A key for the studio's pages and for the admin API, shown once:",
            f"  {settings['SITE_URL']}/admin, {api}/api/admin/lead-magnet",
            "",
            f"    (set -a; . {folder}/env; {LEADMAGNET} keys add me --role owner)",
            "",
            "  Ctrl-C stops everything.",
            "",
        ]
    )


def _without_password(url: str) -> str:
    parts = urlsplit(url)
    place = f"{parts.hostname}:{parts.port}" if parts.port else str(parts.hostname)
    return f"{parts.scheme}://{parts.username}@{place}{parts.path}"
