"""`leadmagnet worker`: the process that sends the mails and maintains the tables."""

from __future__ import annotations

import click

from leadmagnet import worker
from leadmagnet.commands.plumbing import say_what_is_missing
from leadmagnet.config import Config
from leadmagnet.services import Services
from leadmagnet.telemetry import logs, sentry


@click.command("worker", short_help="Send the queued mails, until SIGTERM.")
def command() -> None:
    """Send the queued mails until SIGTERM; a mail in hand is finished first."""
    config = Config.load()
    say_what_is_missing(config)
    logs.configure(config.log_level)
    sentry.start(config.sentry_dsn)
    # One for each lane: those that send, the one that settles, and maintenance; and two for
    # webhooks, whose threads mostly wait for an answer.
    worker.main(Services.from_config(config, connections=config.send_concurrency + 4))
