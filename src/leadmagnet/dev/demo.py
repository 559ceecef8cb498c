"""Loads the demo magnet and its consent texts, so that a fresh database has something to offer."""

from __future__ import annotations

import os
from hashlib import sha256
from pathlib import Path

import psycopg

HERE = Path(__file__)
SET = "SELECT set_config('demo.sha256', %s, false), set_config('demo.size_bytes', %s, false)"


def load(url: str) -> None:
    """Run `demo.sql` as the owner; it may be loaded again and again."""
    with psycopg.connect(url) as conn:
        pdf = HERE.with_name("guide.pdf").read_bytes()
        conn.execute(SET, [sha256(pdf).hexdigest(), str(len(pdf))])
        conn.execute(HERE.with_name("demo.sql").read_bytes())


if __name__ == "__main__":
    load(os.environ["MIGRATION_DATABASE_URL"])
