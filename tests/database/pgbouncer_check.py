"""Behind a real PgBouncer in transaction mode: it works, or one sentence says what to set."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from leadmagnet.database import Database
from leadmagnet.database.migration_files import MigrationError
from leadmagnet.database.migrations import migrate
from leadmagnet.database.session import SETTINGS
from leadmagnet.dev.ports import free_port
from leadmagnet.errors import Unavailable
from leadmagnet.services import Services
from leadmagnet.worker import Worker
from tests.support.client import client_of, problem, sign_up
from tests.support.services import NO_CERTIFICATES, configured
from tests.support.waiting import until

PGBOUNCER = os.environ["PGBOUNCER"]  # scripts/pgbouncer.sh


@pytest.fixture
def pooled(server, database, tmp_path):
    """Start one with these further settings; the address through it."""
    started = []

    def start(*settings, role="lm_app"):
        tmp_path.chmod(0o755)
        port = free_port()
        given = conninfo_to_dict(server.url(role, database.name))
        (tmp_path / "users").write_text(f'"{role}" "{given["password"]}"\n')
        lines = [
            "[databases]",
            f"{database.name} = host=127.0.0.1 port={server.port}",
            "[pgbouncer]",
            "listen_addr = 127.0.0.1",
            f"listen_port = {port}",
            "unix_socket_dir =",
            "auth_type = plain",
            f"auth_file = {tmp_path}/users",
            "pool_mode = transaction",
            "default_pool_size = 3",
            *settings,
        ]
        (tmp_path / "pgbouncer.ini").write_text("\n".join(lines) + "\n")
        command = [PGBOUNCER, str(tmp_path / "pgbouncer.ini")]
        if os.getuid() == 0:
            command[1:1] = ["-u", "nobody"]
        log = (tmp_path / "pgbouncer.log").open("wb")
        started.append((subprocess.Popen(command, stdout=log, stderr=log), log))
        url = f"postgresql://{role}:{given['password']}@127.0.0.1:{port}/{database.name}"
        deadline = time.monotonic() + 60
        while True:
            try:
                psycopg.connect(url, connect_timeout=2).close()
            except psycopg.OperationalError:
                assert time.monotonic() < deadline, (tmp_path / "pgbouncer.log").read_text()
            else:
                return url

    yield start
    for process, log in started:
        process.kill()
        process.wait()
        log.close()


@pytest.fixture
def opened():
    databases = []

    def open_(url, size=8):
        databases.append(Database(url, size=size))
        databases[-1].open()
        return databases[-1]

    yield open_
    for database in databases:
        database.close()


@pytest.fixture
def role_settings(server):
    """What the sentence asks the operator to do."""
    with psycopg.connect(server.url("postgres", "postgres"), autocommit=True) as admin:
        for name, value in SETTINGS.items():
            admin.execute(f"ALTER ROLE lm_app SET {name} = '{value}'")
        yield
        admin.execute("ALTER ROLE lm_app RESET ALL")


def refusal(database):
    with pytest.raises(Unavailable) as caught:
        database.one("session_settings")
    return str(caught.value.__cause__)


def test_its_defaults_refuse_our_settings_and_the_sentence_says_so(pooled, leadmagnet):
    said = leadmagnet("mails", DATABASE_URL=pooled())
    assert "set ignore_startup_parameters = options" in said.stderr
    assert "Traceback" not in said.stderr


def test_a_pooler_that_drops_the_timeouts_is_refused(pooled, opened):
    said = refusal(opened(pooled("ignore_startup_parameters = options")))
    assert "ALTER ROLE lm_app" in said
    assert "SET lock_timeout = '1300'" in said
    assert "SET statement_timeout = '1500'" in said


def test_with_the_roles_own_settings_everything_works(
    role_settings, pooled, opened, database, files, server
):
    behind = opened(pooled("ignore_startup_parameters = options"))
    client = client_of(Services(configured(database), behind, files, NO_CERTIFICATES))
    with ThreadPoolExecutor(8) as pool:
        call = lambda n: sign_up(client.application.test_client(), f"ada{n}@example.org")
        answers = list(pool.map(call, range(200)))
    assert {answer.status_code for answer in answers} == {202}
    assert {client.get("/readyz").status_code for _ in range(20)} == {200}
    with behind.transaction(snapshot=True) as transaction:
        assert transaction.one("requests_overview")
    with psycopg.connect(server.url("lm_owner", database.name)) as owner:
        owner.execute("LOCK TABLE lm_signup_limits")
        started = time.monotonic()
        assert problem(sign_up(client)) == (503, "service_unavailable")
        assert time.monotonic() - started < 10
    # The server itself gave up: nothing of the refused signup turns up later.
    assert (
        database.value("SELECT count(*) FROM lm_subscribers WHERE email = 'ada@example.org'") == 0
    )


def test_migrate_refuses_to_go_through_it(pooled):
    url = pooled("ignore_startup_parameters = options", role="lm_owner")
    with pytest.raises(MigrationError, match="leads through a pooler"):
        migrate(url, app_role="lm_app")


def test_the_worker_listens_at_postgresql_itself(
    role_settings, pooled, database, superuser, start, mailer, monkeypatch
):
    """Behind the pooler no notification would ring."""
    monkeypatch.setattr("leadmagnet.worker.POLL_SECONDS", 60)
    behind = pooled("ignore_startup_parameters = options")
    services = start(DATABASE_URL=behind, DATABASE_LISTEN_URL=database.url)
    worker = Worker(services, mailer)
    thread = threading.Thread(target=worker.run)
    thread.start()
    try:
        listens = "SELECT FROM pg_stat_activity WHERE query = 'LISTEN lm_requests'"
        look = lambda: superuser.execute(listens).fetchall()
        until(look, seconds=60, what="the worker to listen")
        assert sign_up(client_of(services, worker=False)).status_code == 202
        settled = lambda: database.count("lm_subscribers")
        until(settled, seconds=60, what="the worker to be rung")
    finally:
        worker.stop()
        worker._wake_all()
        with psycopg.connect(database.url, autocommit=True) as conn:
            conn.execute("NOTIFY lm_outbox")
        thread.join()
