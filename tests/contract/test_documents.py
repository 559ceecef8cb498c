"""The documents are true: links lead to files, and every page is reached."""

from __future__ import annotations

import re
import shlex
from dataclasses import fields
from pathlib import Path
from urllib.parse import unquote

import boto3
import click
import pytest
from botocore import xform_name

from leadmagnet.admin.settings import AdminConfig
from leadmagnet.commands import main
from leadmagnet.config import Config, MigrationConfig
from tests.support.paths import path_of

ROOT = path_of(".")
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
# Settings of boto3 and requests, of the site, of `make run` and `make smoke`; a word of AWS's.
READ_BY_OTHERS = {
    *("AWS_DEFAULT_REGION", "AWS_REGION", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL_SESV2"),
    *("HTTPS_PROXY", "SSL_CERT_FILE", "NUXT_LEAD_MAGNET_API_ORIGIN", "NUXT_SESSION_PASSWORD"),
    *("NUXT_OAUTH_OIDC_CLIENT_ID", "NUXT_OAUTH_OIDC_CLIENT_SECRET"),
    *("NUXT_OAUTH_OIDC_OPENID_CONFIG", "NUXT_OAUTH_OIDC_REDIRECT_URL"),
    *("BASE_URL", "MAILBOX_URL", "SMOKE_EMAIL", "CAPABILITY_NAMED_IAM"),
}
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


def commands_in(name: str, program: str) -> list[list[str]]:
    """The words after the program, of each of its lines in the document's blocks of shell."""
    blocks = re.findall(r"^ *```sh\n(.*?)^ *```", text_of(name), re.S | re.M)
    lines = "\n".join(blocks).replace("\\\n", " ").splitlines()
    parts = [part.strip() for line in lines for part in re.split(r"\||&&", line)]
    return [
        shlex.split(part, comments=True)[1:] for part in parts if part.startswith(f"{program} ")
    ]


def options_of(command: click.Command) -> set[str]:
    return {name for each in command.params for name in (*each.opts, *each.secondary_opts)}


@pytest.mark.parametrize("name", [name for name in PATHS if name != "CHANGELOG.md"])
def test_every_setting_that_is_named_exists(name):
    ours = {
        each.name.upper()
        for kind in (Config, AdminConfig, MigrationConfig)
        for each in fields(kind)
    }
    named = set(re.findall(r"\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\b", text_of(name)))
    assert named <= ours | READ_BY_OTHERS


@pytest.mark.parametrize("name", PATHS)
def test_every_command_of_ours_exists_with_its_options(name):
    for words in commands_in(name, "leadmagnet"):
        command, context = main, click.Context(main)
        rest = list(words)
        while isinstance(command, click.Group) and rest and not rest[0].startswith("-"):
            found = command.get_command(context, rest.pop(0))
            assert found, words
            command = found
        given = {word.partition("=")[0] for word in rest if word.startswith("--")}
        assert given <= options_of(command) | {"--help"}, words


def test_every_command_of_aws_exists_with_its_parameters():
    commands = commands_in("docs/operating.md", "aws")
    assert len(commands) >= 5
    for service, operation, *rest in commands:
        model = boto3.client(service).meta.service_model
        operations = {xform_name(each, "-"): each for each in model.operation_names}
        assert operation in operations, operation
        members = model.operation_model(operations[operation]).input_shape.members
        known = {xform_name(each, "-") for each in members} | {"query", "output"}
        given = {word.removeprefix("--") for word in rest if word.startswith("--")}
        assert given <= known, (operation, given - known)


def test_the_documents_stack_fills_the_parameters_of_the_template():
    (words,) = [each for each in commands_in("docs/operating.md", "aws") if "create-stack" in each]
    given = {name for word in words for name in re.findall(r"ParameterKey=(\w+)", word)}
    template = (ROOT / "deploy/aws/template.yaml").read_text("utf-8")
    block = re.search(r"^Parameters:\n(.*?)^\w", template, re.S | re.M)[1]
    needed = {
        name
        for name, body in re.findall(r"^  (\w+):\n((?:    .*\n)+)", block, re.M)
        if "Default:" not in body
    }
    assert given == needed
