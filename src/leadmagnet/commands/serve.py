"""`leadmagnet serve`: the API under gunicorn."""

from __future__ import annotations

import os
import sys
import tempfile

import click

from leadmagnet.commands.plumbing import settings
from leadmagnet.config import Config


@click.command("serve")
def command() -> None:
    """Serve the API with gunicorn."""
    if settings(Config).metrics_token:
        # Set before prometheus_client is imported, and a new folder for each start: it would add
        # up the counts of former processes.
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = tempfile.mkdtemp(prefix="leadmagnet-metrics-")
    gunicorn = [sys.executable, "-m", "gunicorn"]
    os.execv(sys.executable, [*gunicorn, "--config", "python:leadmagnet.server.gunicorn_conf"])  # noqa: S606 - our own interpreter, fixed arguments
