"""How long a move takes and what memory it needs: `python -m tests.bench.moving [PEOPLE]`."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psycopg

from leadmagnet.database import migrations
from leadmagnet.dev import demo
from leadmagnet.dev.postgres import Postgres
from leadmagnet.dev.roles import create_roles_and_database
from leadmagnet.moving import asides
from tests.support.paths import path_of
from tests.support.settings import SETTINGS

PEOPLE = path_of("tests/bench/moving.sql")


def main(people: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o711)
        with Postgres(Path(folder) / "postgres", durable=True) as postgres:
            create_roles_and_database(postgres)
            owner = postgres.url("lm_owner", "leadmagnet")
            with psycopg.connect(owner, autocommit=True) as conn:
                conn.execute(path_of("tests/moving/predecessor.sql").read_bytes())
                with psycopg.ClientCursor(conn) as cursor:
                    for statement in PEOPLE.read_text().split(";\n\n"):
                        cursor.execute(statement, {"people": people})
                conn.execute("VACUUM (ANALYZE)")
            asides.set_aside(owner)
            migrations.migrate(owner, app_role="lm_app")
            demo.load(owner)
            command = ("import", "prospectflow", "run", "--magnet", "guide-mariee-sereine")
            started = time.monotonic()
            subprocess.run(
                [sys.executable, "-m", "leadmagnet", *command],
                env={
                    **SETTINGS,
                    "PATH": os.environ["PATH"],
                    "DATABASE_URL": postgres.url("lm_app", "leadmagnet"),
                    "MIGRATION_DATABASE_URL": owner,
                },
                check=True,
            )
            seconds = time.monotonic() - started
            memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"{people} people: {seconds:.1f} s, {memory:.0f} MiB")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
