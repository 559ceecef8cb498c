"""Loads the demo magnet and its consent texts, so that a fresh database has something to offer."""

from __future__ import annotations

import os
from pathlib import Path

import psycopg


def load(url: str) -> None:
    """Run `demo.sql` as the owner; it may be loaded again and again."""
    with psycopg.connect(url) as conn:
        conn.execute(Path(__file__).with_name("demo.sql").read_bytes())


if __name__ == "__main__":
    load(os.environ["MIGRATION_DATABASE_URL"])
