"""`leadmagnet openapi`: the contract, as openapi.yaml holds it."""

from __future__ import annotations

from typing import IO

import click

from leadmagnet.app import create_app
from leadmagnet.web import openapi


@click.command("openapi")
@click.option(
    "--output",
    type=click.File("w", encoding="utf-8"),
    default="-",
    help="A file instead of stdout.",
)
def command(output: IO[str]) -> None:
    """Print the OpenAPI document, as openapi.yaml holds it."""
    output.write(openapi.as_yaml(create_app(None)))
