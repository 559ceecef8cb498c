"""`leadmagnet openapi`: the contract, as openapi.yaml holds it."""

from __future__ import annotations

from pathlib import Path

import click

from leadmagnet.app import create_app
from leadmagnet.web import openapi


@click.command("openapi")
@click.option("--output", type=click.Path(path_type=Path), help="A file instead of stdout.")
def command(output: Path | None) -> None:
    """Print the OpenAPI document, as openapi.yaml holds it."""
    text = openapi.as_yaml(create_app(None))
    if output:
        output.write_text(text, encoding="utf-8")
    else:
        click.echo(text, nl=False)
