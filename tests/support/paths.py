"""Where the files of the project are."""

from __future__ import annotations

from pathlib import Path


def path_of(name: str) -> Path:
    return Path(__file__).resolve().parents[2] / name
