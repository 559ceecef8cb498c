"""The whole funnel as real processes over a durable PostgreSQL, for the length of a measurement."""

from __future__ import annotations

import http.client
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from leadmagnet.database import migrations
from leadmagnet.dev import demo
from leadmagnet.dev.ports import free_port
from leadmagnet.dev.postgres import Postgres
from leadmagnet.dev.roles import create_roles_and_database

SETTINGS = {
    "SITE_URL": "https://www.light-and-shutter.example",
    "S3_BUCKET": "leadmagnet-guides",
    "MAIL_FROM": "Light & Shutter <guide@light-and-shutter.example>",
    "SES_CONFIGURATION_SET": "leadmagnet",
    "UNSUBSCRIBE_KEYS": "x" * 40,
    "HASH_KEY": "h" * 40,
    "SIGNUPS_PER_HOUR": "1000000",
    "GUESSES_PER_HOUR": "1000000",
    "MAILS_PER_HOUR": "1000000",
    "SES_MAX_RATE": "10000",
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": "eu-west-3",
    "AWS_EC2_METADATA_DISABLED": "true",
}


@contextmanager
def running(**settings: str) -> Iterator[tuple[int, str, Path]]:
    """The API's port, the owner's database address, and the file of the API's log."""
    with ExitStack() as exits:
        folder = Path(exits.enter_context(tempfile.TemporaryDirectory()))
        # PostgreSQL may run as another user.
        folder.chmod(0o755)
        server = exits.enter_context(Postgres(folder / "postgres" / "data"))
        create_roles_and_database(server)
        owner_url = server.url("lm_owner", "leadmagnet")
        migrations.migrate(owner_url, app_role="lm_app")
        demo.load(owner_url)
        port, mailbox = free_port(), str(free_port())
        env = os.environ | SETTINGS | settings
        env |= {"DATABASE_URL": server.url("lm_app", "leadmagnet"), "PORT": str(port)}
        env["AWS_ENDPOINT_URL_SESV2"] = f"http://127.0.0.1:{mailbox}"
        for command in (
            ("leadmagnet.dev.aws", "--mailbox-port", mailbox),
            ("leadmagnet", "serve"),
            ("leadmagnet", "worker"),
        ):
            log = exits.enter_context((folder / f"{command[-1]}.log").open("wb"))
            process = subprocess.Popen(
                [sys.executable, "-m", *command], env=env, stdout=log, stderr=log
            )
            exits.callback(process.wait)
            exits.callback(process.send_signal, signal.SIGTERM)
        _await(port)
        yield port, owner_url, folder / "serve.log"


def _await(port: int) -> None:
    while True:
        try:
            conn = http.client.HTTPConnection("127.0.0.1", port)
            conn.request("GET", "/readyz")
            if conn.getresponse().status == 200:
                return
        except OSError:
            time.sleep(0.1)
