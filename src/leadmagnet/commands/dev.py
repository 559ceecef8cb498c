"""`leadmagnet dev`: everything on one machine, as `make run` starts it."""

from __future__ import annotations

import os
import sys

import click

from leadmagnet.dev import stack


@click.command("dev", short_help="Serve everything on this machine, until Ctrl-C.")
def command() -> None:
    """Serve everything on this machine: PostgreSQL, AWS emulator, mailbox, API, worker."""
    sys.exit(stack.run(os.environ))
