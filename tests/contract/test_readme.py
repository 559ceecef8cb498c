"""What the README shows of the Nuxt site is what the site does."""

from __future__ import annotations

import re
from urllib.parse import unquote

import pytest

from tests.support.paths import path_of

SHOWN = re.findall(
    r"\]\((site/\S+\.\w+)\)\):\n\n```ts\n(.*?)```", path_of("README.md").read_text(), re.S
)


def lines(text: str) -> list[str]:
    return [line.strip() for line in text.strip().splitlines()]


@pytest.mark.parametrize(("file", "shown"), SHOWN, ids=[file for file, _ in SHOWN])
def test_the_readme_shows_the_sites_own_lines(file, shown):
    real, excerpt = lines(path_of(unquote(file)).read_text()), lines(shown)
    starts = range(len(real) - len(excerpt) + 1)
    assert any(real[at : at + len(excerpt)] == excerpt for at in starts)


def test_the_readme_shows_all_that_a_page_needs():
    assert len(SHOWN) == 4


def test_the_sites_lock_records_no_download_address():
    text = path_of("site/package-lock.json").read_text()
    assert '"resolved"' not in text
    assert '"integrity"' in text
