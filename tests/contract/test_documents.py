"""The documents are true: links lead to files, and every page is reached."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote

import pytest

from tests.support.paths import path_of

ROOT = path_of(".")
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
PATHS = [path.relative_to(ROOT).as_posix() for path in DOCUMENTS]


def text_of(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


def prose(name: str) -> str:
    """The document without its blocks of code."""
    return re.sub(r"^```.*?^```", "", text_of(name), flags=re.S | re.M)


def anchors(path: Path) -> set[str]:
    """The anchors of a document's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", path.read_text("utf-8"), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("name", PATHS)
def test_every_relative_link_leads_to_a_file(name):
    here = (ROOT / name).parent
    targets = re.findall(r"\]\(([^)\s]+)\)|<img[^>]* src=\"([^\"]+)\"", prose(name))
    for target in (markdown or image for markdown, image in targets):
        if re.match(r"https?:|mailto:", target):
            continue
        path, _, anchor = unquote(target).partition("#")
        found = here / path if path else ROOT / name
        assert found.exists(), target
        if anchor:
            assert anchor in anchors(found), target


def test_the_readme_leads_to_every_document():
    read, found = set(), {"README.md"}
    while unread := found - read:
        name = unread.pop()
        read.add(name)
        for target in re.findall(r"\]\(([^)\s#]+\.md)[)#]", prose(name)):
            found.add(((ROOT / name).parent / target).resolve().relative_to(ROOT).as_posix())
    assert read == set(PATHS)


def test_the_readme_is_short():
    assert len(text_of("README.md").splitlines()) <= 200


def test_its_pictures_are_small():
    assert sum(path.stat().st_size for path in ROOT.glob("docs/images/*")) < 300_000


def test_every_dependency_is_justified():
    pyproject = text_of("pyproject.toml")
    (block,) = re.findall(r"^dependencies = \[(.*?)\]\n", pyproject, re.M | re.S)
    for name in re.findall(r'"([a-z0-9-]+)', block):
        assert f"| {name} |" in text_of("docs/dependencies.md"), name


def test_the_sites_lock_records_no_download_address():
    text = text_of("site/package-lock.json")
    assert '"resolved"' not in text
    assert '"integrity"' in text
