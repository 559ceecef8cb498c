"""`leadmagnet serve`: the API under gunicorn."""

from __future__ import annotations

import os
import sys

import click

from leadmagnet.admin.settings import AdminConfig
from leadmagnet.commands.plumbing import say_what_is_missing
from leadmagnet.config import Config
from leadmagnet.server import ports
from leadmagnet.telemetry import metrics_folder


@click.command("serve")
def command() -> None:
    """Serve the API with gunicorn."""
    config = Config.load()
    AdminConfig.load()
    say_what_is_missing(config)
    # gunicorn would say it in ten lines.
    if reason := ports.lasting_refusal(config.host, config.port):
        raise click.ClickException(
            f"port {config.port} of {config.host} cannot be listened on ({reason}): correct HOST or"
            " PORT"
        )
    if config.metrics_token:
        # Set before prometheus_client is imported, and a new folder for each start: it would add
        # up the counts of former processes.
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = metrics_folder.make()
    gunicorn = [sys.executable, "-m", "gunicorn"]
    os.execv(sys.executable, [*gunicorn, "--config", "python:leadmagnet.server.gunicorn_conf"])  # noqa: S606 - our own interpreter, fixed arguments
