"""`leadmagnet magnets`: what is offered, and the file that is handed out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import IO, Any

import click

from leadmagnet.adapters import account
from leadmagnet.adapters.s3 import Files
from leadmagnet.admin import magnets
from leadmagnet.admin.audit import OPERATOR
from leadmagnet.commands.plumbing import file_argument, owner, refusing
from leadmagnet.commands.printing import (
    Group,
    count,
    day,
    hanging,
    json_option,
    print_json,
    print_table,
)
from leadmagnet.config import BucketConfig
from leadmagnet.database import Database
from leadmagnet.funnel.files import MOST_BYTES
from leadmagnet.funnel.magnets import LOCALES


@click.group(
    "magnets", cls=Group, short_help="List, add, change and retire magnets; replace files."
)
def command() -> None:
    """The magnets, by the owner's connection (MIGRATION_DATABASE_URL)."""


@contextmanager
def _changing() -> Iterator[Database]:
    with owner() as database, refusing():
        yield database


def _files() -> Files:
    account.require_usable()
    # No URL is signed here, so its life does not matter.
    return Files(BucketConfig.load().s3_bucket, url_life=timedelta(minutes=1))


@command.command("list")
@json_option
def list_(as_json: bool) -> None:
    """Print every magnet, drafts and retired ones included."""
    with owner() as database:
        found = magnets.listed(database)
    if as_json:
        print_json(found)
        return
    rows = [
        (one["slug"], _state(one), one["texts"], one["title"]["fr"], one["file_name"])
        for one in found
    ]
    print_table(
        ("SLUG", "STATE", "TEXTS", "TITLE", "FILE NAME"),
        rows,
        empty="no magnets: add one with `leadmagnet magnets add`",
    )


@command.command("show")
@click.argument("slug")
@json_option
def show(slug: str, as_json: bool) -> None:
    """Print all of SLUG: its texts for a page, and every file that it has handed out."""
    with _changing() as database:
        found = magnets.one(database, slug)
    if as_json:
        print_json(found)
        return
    for locale in LOCALES:
        said = f"{found['title'][locale]}: {found['description'][locale]}"
        click.echo(f"{locale}  {hanging(said, 4)}")
    texts = count(found["texts"], "current text")
    click.echo(f"{_state(found)}, {texts}, saved as {found['file_name']}\n")
    rows = [
        (
            one["id"],
            day(one["activated_at"]),
            "current" if one["current"] else "-",
            one["size_bytes"],
            one["sha256"],
        )
        for one in found["files"]
    ]
    print_table(
        ("FILE", "SINCE", "STATE", "BYTES", "SHA-256"),
        rows,
        empty=f"no file: `leadmagnet magnets put {slug} guide.pdf`",
    )


def _state(magnet: dict[str, Any]) -> str:
    if magnet["retired_at"]:
        return f"retired {day(magnet['retired_at'])}"
    return str(magnet["state"]).replace("_", " ")


@command.command("add")
@click.argument("slug")
@click.option("--title-fr", required=True)
@click.option("--title-en", required=True)
@click.option("--description-fr", required=True)
@click.option("--description-en", required=True)
@click.option("--file-name", required=True, help="Under which visitors save it: Guide.pdf")
@file_argument
def add(slug: str, file: IO[bytes], file_name: str, **texts: str) -> None:
    """Offer the PDF in FILE as SLUG. Add its consent texts next: `leadmagnet texts add`."""
    files = _files()
    with _changing() as database:
        magnets.add_with_file(
            database,
            OPERATOR,
            files.put,
            file.read(MOST_BYTES + 1),
            slug=slug,
            title={"fr": texts["title_fr"], "en": texts["title_en"]},
            description={"fr": texts["description_fr"], "en": texts["description_en"]},
            file_name=file_name,
        )
    click.echo(
        f"added {slug}; a signup needs a consent text: `leadmagnet texts add --magnet {slug}`"
    )


@command.command("put")
@click.argument("slug")
@click.option("--file-name", help="Changes the name, too.")
@file_argument
def put(slug: str, file: IO[bytes], file_name: str | None) -> None:
    """Replace the file of SLUG by the PDF in FILE; links in mails hand out the new one."""
    files = _files()
    with _changing() as database:
        magnets.put(
            database,
            OPERATOR,
            files.put,
            file.read(MOST_BYTES + 1),
            slug=slug,
            file_name=file_name,
        )
    click.echo(f"{slug} now hands out this file")


@command.command("change")
@click.argument("slug")
@click.option("--title-fr")
@click.option("--title-en")
@click.option("--description-fr")
@click.option("--description-en")
@click.option("--file-name", help="Under which visitors save it: Guide.pdf")
def change(slug: str, file_name: str | None, **texts: str | None) -> None:
    """Change what a page says about SLUG; what is not given stays."""
    with _changing() as database:
        now = magnets.one(database, slug)
        said = {
            field: {
                locale: now[field][locale] if (new := texts[f"{field}_{locale}"]) is None else new
                for locale in LOCALES
            }
            for field in ("title", "description")
        }
        given: dict[str, Any] = {
            field: value for field, value in said.items() if value != now[field]
        }
        if file_name is not None:
            given["file_name"] = file_name
        if not given:
            raise click.UsageError("nothing to change: give one of the options")
        magnets.change(database, OPERATOR, slug, versions=[now["version"]], **given)
    click.echo(f"changed {slug}")


@command.command("retire")
@click.argument("slug")
def retire(slug: str) -> None:
    """Offer SLUG no more; links in mails keep working."""
    with _changing() as database:
        magnets.retire(database, OPERATOR, slug)
    click.echo(f"retired {slug}")
