"""The command line: one file for each command or group, loaded when it is called."""

from __future__ import annotations

import logging
import sys
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import click

from leadmagnet import __version__
from leadmagnet.commands import streams
from leadmagnet.commands.printing import Group
from leadmagnet.config import ConfigError
from leadmagnet.telemetry import logs

COMMANDS = (
    *("serve", "worker", "migrate", "doctor", "secrets"),
    *("mails", "requests", "magnets", "texts", "keys", "ledger", "receipt", "webhooks"),
    *("subscriber", "exports", "erasures", "replay", "purge", "import", "openapi"),
)


class LazyGroup(Group):
    """Imports `leadmagnet.commands.<name>` when it is needed (the pattern is click's)."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        # What `make run` starts is not part of the production wheel.
        return [*(("dev",) if find_spec("leadmagnet.dev") else ()), *COMMANDS]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.list_commands(ctx):
            return None
        command: click.Command = import_module(f"leadmagnet.commands.{cmd_name}").command
        return command

    def main(self, *args: Any, **extra: Any) -> Any:
        with streams.in_order():
            return super().main(*args, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        """The command; whatever it finds wrong in the environment is its last sentence."""
        try:
            return super().invoke(ctx)
        except ConfigError as error:
            raise click.ClickException(str(error)) from None


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="leadmagnet %(version)s")
@click.option("--log", is_flag=True, help="Let a command also write its log lines to stderr.")
def main(log: bool) -> None:
    """The lead-magnet API: an e-mail address in, a proven consent and a PDF guide out.

    Settings come from the environment; .env.example says what each is for.
    """
    # A command says its sentence and nothing else, whatever a library warns of. What serves or
    # works replaces this.
    if log:
        logs.configure("INFO", sys.stderr)
    else:
        logging.getLogger().addHandler(logging.NullHandler())
