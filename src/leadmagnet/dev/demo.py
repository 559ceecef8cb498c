"""Loads the demo magnet and its consent texts, so that a fresh database has something to offer."""

from __future__ import annotations

import os
from hashlib import sha256
from pathlib import Path

import psycopg

HERE = Path(__file__)
SITE = "https://www.light-and-shutter.example"
SET = "SELECT set_config('demo.sha256', %s, false), set_config('demo.size_bytes', %s, false)"


def load(url: str, site_url: str = SITE) -> None:
    """Run `demo.sql` as the owner; it may be loaded again and again."""
    text = HERE.with_name("demo.sql").read_text(encoding="utf-8")
    with psycopg.connect(url) as conn:
        pdf = HERE.with_name("guide.pdf").read_bytes()
        conn.execute(SET, [sha256(pdf).hexdigest(), str(len(pdf))])
        conn.execute(text.replace(SITE, site_url).encode())


if __name__ == "__main__":
    load(os.environ["MIGRATION_DATABASE_URL"], os.environ.get("SITE_URL", SITE))
