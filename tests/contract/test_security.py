"""SECURITY.md names tests that exist, and the bill of materials is the lock."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import pytest

from tests.support.paths import path_of

TEXT = path_of("SECURITY.md").read_text("utf-8")
NAMED = sorted(set(re.findall(r"`(test_\w+\.py)::(test_\w+)`", TEXT)))
ROWS = [line for line in TEXT.splitlines() if line.startswith("| ") and "---" not in line][1:]


def test_every_promise_names_a_test():
    assert len(ROWS) > 15
    for row in ROWS:
        assert re.search(r"`test_\w+\.py::test_\w+`", row), row


@pytest.mark.parametrize(("module", "name"), NAMED)
def test_every_test_that_is_named_exists(module, name):
    (path,) = path_of("tests").rglob(module)
    assert re.search(rf"^def {name}\(", path.read_text("utf-8"), re.M)


def test_a_bill_of_materials_lists_what_the_lock_pins():
    command = ["-W", "ignore", "-m", "cyclonedx_py", "requirements", "--of", "JSON"]
    made = subprocess.run(
        [sys.executable, *command, str(path_of("requirements.txt"))],
        capture_output=True,
        check=True,
    )
    document = json.loads(made.stdout)
    assert document["bomFormat"] == "CycloneDX"
    listed = {(each["name"].lower(), each["version"]) for each in document["components"]}
    pinned = re.findall(
        r"^([a-z0-9._-]+)(?:\[\w+\])?==([^ ;\\]+)", path_of("requirements.txt").read_text(), re.M
    )
    assert listed == set(pinned)
