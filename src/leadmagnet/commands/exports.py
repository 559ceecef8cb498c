"""`leadmagnet exports`: say of a file whether it is a whole export, and whose."""

from __future__ import annotations

from typing import IO

import click

from leadmagnet.admin import exports
from leadmagnet.commands.plumbing import application, file_argument
from leadmagnet.commands.printing import Group, Progress


@click.group("exports", cls=Group, short_help="Verify an exported file.")
def command() -> None:
    """The files that `POST /exports` of the admin API hands out."""


@command.command("verify")
@file_argument
def verify(file: IO[bytes]) -> None:
    """Say whether FILE (- for stdin) is complete, truncated or altered, and who exported it."""
    with application() as services:
        whole, sentence = exports.verify(services, file, watched=Progress("lines read").over)
    if not whole:
        raise click.ClickException(sentence)
    click.echo(sentence)
