"""What `leadmagnet dev` promises: clear refusals, mails kept whole, and nothing left behind."""

from __future__ import annotations

import fcntl
import http.client
import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from threading import Thread
from typing import IO, Any
from xml.etree import ElementTree

import boto3
import psycopg
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from flask.testing import FlaskClient
from werkzeug.serving import make_server

from leadmagnet.dev import ports, site, stack
from leadmagnet.dev.lock import only_one_in
from leadmagnet.dev.mailbox import create_mailbox
from leadmagnet.dev.postgres import Postgres
from leadmagnet.dev.settings import write_env_file
from tests.support.paths import path_of

SERVER_UNTIL_KILLED = """
import sys
from pathlib import Path
from leadmagnet.dev.postgres import Postgres
server = Postgres(Path(sys.argv[1]), durable=False)
server.start()
print(server.port, flush=True)
sys.stdin.read()
"""

STAND_IN = """
import sys
from pathlib import Path
from leadmagnet.dev.site import _stand_in
_stand_in(Path(sys.argv[1]), int(sys.argv[2]), "http://127.0.0.1:8000")
"""

# Files with mails, tokens, passwords or keys, and logs, which may quote them.
SECRET = {".jsonl", ".key", ".log", ".password"}


def eventually(condition: Callable[[], bool], seconds: float = 60) -> bool:
    deadline = time.monotonic() + seconds
    while not (met := condition()) and time.monotonic() < deadline:
        time.sleep(0.01)
    return met


def mail(to: str = "ada@example.org", **changes: Any) -> dict[str, Any]:
    return {
        "FromEmailAddress": "Light & Shutter <guide@light-and-shutter.example>",
        "Destination": {"ToAddresses": [to]},
        "Content": simple(),
        **changes,
    }


def simple(**changes: Any) -> dict[str, Any]:
    body = {"Text": {"Data": "Voilà."}, "Html": {"Data": "<p>Voilà.</p>"}}
    return {"Simple": {"Subject": {"Data": "Prêt"}, "Body": body, **changes}}


def headers(*pairs: tuple[str, str]) -> dict[str, Any]:
    return mail(Content=simple(Headers=[{"Name": n, "Value": v} for n, v in pairs]))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def taken_port() -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield str(listener.getsockname()[1])


@pytest.fixture(scope="module")
def app() -> Any:
    return create_mailbox()


@pytest.fixture
def mailbox(app: Any) -> FlaskClient:
    client: FlaskClient = app.test_client()
    client.delete("/api/messages")
    return client


@pytest.fixture(scope="module")
def ses(app: Any) -> Iterator[Any]:
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = Thread(target=server.serve_forever)
    thread.start()
    client = boto3.client(
        "sesv2",
        endpoint_url=f"http://127.0.0.1:{server.server_port}",
        region_name="eu-west-3",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(parameter_validation=False, retries={"total_max_attempts": 1}),
    )
    yield client
    client.close()
    server.shutdown()
    thread.join()
    server.server_close()


# The stack


@pytest.mark.parametrize("name", ["PORT", "MAILBOX_PORT"])
def test_a_taken_port_names_its_variable(
    name: str, taken_port: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    free = {"PORT": str(ports.free_port()), "MAILBOX_PORT": str(ports.free_port())}
    assert stack.run({**free, name: taken_port}) == 1
    assert f"port {taken_port} is taken: set {name} to another" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["DATABASE_URL", "MIGRATION_DATABASE_URL"])
def test_half_a_pair_of_database_urls_is_refused(
    name: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (other,) = {"DATABASE_URL", "MIGRATION_DATABASE_URL"} - {name}
    assert stack.run({name: "postgresql://db.example/leadmagnet"}) == 1
    assert f"{name} is set and {other} is not" in capsys.readouterr().err
    assert not (folder / ".dev").exists()


def test_a_second_run_in_the_same_folder_says_so(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with only_one_in(Path(".dev")):
        assert stack.run({}) == 1
    assert f"already running in this folder (process {os.getpid()})" in capsys.readouterr().err


def test_the_settings_file_is_private_and_survives_a_shell(folder: Path) -> None:
    value = "Light & Shutter's $HOME `x` <guide@example.org>"
    write_env_file(folder / "env", {"MAIL_FROM": value, "HOME": "/home/ada"})
    assert (folder / "env").stat().st_mode & 0o777 == 0o600
    assert shlex.split((folder / "env").read_text()) == [f"MAIL_FROM={value}"]


@pytest.mark.long
def test_the_stack_comes_up_and_a_signal_leaves_nothing_of_it(folder: Path) -> None:
    numbers = {"PORT": ports.free_port(), "MAILBOX_PORT": ports.free_port()}
    site_port = ports.free_port()
    # Not the settings of this shell: they may be those of a running stack.
    env = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
    env |= {name: str(number) for name, number in numbers.items()}
    env["SITE_URL"] = f"http://localhost:{site_port}"
    env_file = folder / ".dev" / "env"
    command = [sys.executable, "-m", "leadmagnet", "dev"]
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True) as running:
        up = eventually(lambda: env_file.exists() or running.poll() is not None, 300)
        settings = dict(line.split("=", 1) for line in shlex.split(env_file.read_text()))
        told = [path for path in env_file.parent.iterdir() if path.suffix in SECRET]
        modes = {path.name: oct(path.stat().st_mode & 0o777) for path in told}
        page = diagnosed({**env, **settings})
        left_to_the_app = ports.is_free("127.0.0.1", site_port)
        running.send_signal(signal.SIGTERM)
        output, _ = running.communicate(timeout=90)
    assert (up, running.returncode) == (True, 0)
    assert f"http://127.0.0.1:{numbers['PORT']}/docs" in output
    assert f"http://localhost:{site_port}  (your own app)" in output
    assert left_to_the_app
    assert " 1 warn, 0 fail, " in page.splitlines()[-1], page
    assert told_by(page) == told_by(text_of_picture()), f"draw docs/images/doctor.svg anew: {page}"
    assert not env_file.exists()
    assert {"aws.log", "postgres.log", "postgres.password", "hash.key"} <= modes.keys()
    assert set(modes.values()) == {"0o600"}, modes
    database = int(settings["DATABASE_URL"].rsplit(":", 1)[1].split("/")[0])
    assert all(
        ports.is_free("127.0.0.1", port) for port in (*numbers.values(), site_port, database)
    )


def diagnosed(env: dict[str, str]) -> str:
    """The page of the doctor, once a worker has been seen."""
    command = [sys.executable, "-m", "leadmagnet", "doctor"]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=180)
    assert (done.returncode, done.stderr) == (2, "")
    return done.stdout


def text_of_picture() -> str:
    """What docs/images/doctor.svg shows, as scripts/terminal_picture.py drew it."""
    svg = ElementTree.fromstring(path_of("docs/images/doctor.svg").read_text())
    texts = svg.iter("{http://www.w3.org/2000/svg}text")
    return "\n".join("".join(text.itertext()) for text in texts)


def told_by(page: str) -> list[tuple[str, str]]:
    """The verdict and the name of each check."""
    return re.findall(r"^  (ok|warn|fail|skipped) +(\S+(?: \S+)?)", page, re.M)


def answer_of(port: int, path: str) -> str:
    found: list[str] = []

    def answered() -> bool:
        conn = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        with closing(conn), suppress(OSError):
            conn.request("GET", path)
            found.append(conn.getresponse().read().decode())
        return bool(found)

    assert eventually(answered)
    return found[0]


def took(lock: IO[str]) -> bool:
    with suppress(BlockingIOError):
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    return False


def test_where_the_site_is_not_running_a_page_says_how_until_it_is(tmp_path: Path) -> None:
    port = ports.free_port()
    command = [sys.executable, "-c", STAND_IN, str(tmp_path), str(port)]
    with subprocess.Popen(command) as standing_in:
        page = answer_of(port, "/lead-magnet/confirm?token=a-token")
        with (tmp_path / "site.lock").open("a") as lock:
            assert eventually(lambda: took(lock))
            made_way = eventually(lambda: ports.is_free("127.0.0.1", port))
        standing_in.kill()
    assert "make site" in page
    assert (
        "curl -X POST http://127.0.0.1:8000/api/lead-magnet/confirm"
        """ -H 'Content-Type: application/json' -d '{"token":"a-token"}'</pre>"""
    ) in page
    assert made_way


def test_the_page_instead_of_the_site_shows_no_token_that_is_none() -> None:
    page = site._page("/lead-magnet/confirm?token=%3Cscript%3E'", "http://127.0.0.1:8000")
    assert "script" not in page
    assert "/api/lead-magnet/signup" in page


def test_the_site_without_its_stack_says_what_to_start(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="start `make run` first"):
        site.run_nuxt(tmp_path)


def test_a_port_stays_the_same_until_somebody_else_has_it(tmp_path: Path) -> None:
    port = ports.kept_port(tmp_path / "port")
    assert ports.kept_port(tmp_path / "port") == port
    with socket.create_server(("127.0.0.1", port)):
        other = ports.kept_port(tmp_path / "port")
    assert other != port
    assert ports.kept_port(tmp_path / "port") == other


# PostgreSQL


def test_postgres_keeps_its_data_and_leaves_no_process(tmp_path: Path) -> None:
    server = Postgres(tmp_path / "data", durable=False)
    with server, psycopg.connect(server.url("postgres", "postgres")) as conn:
        conn.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    assert not (server.data_dir / "postmaster.pid").exists()
    assert ports.is_free("127.0.0.1", server.port)
    with server, psycopg.connect(server.url("postgres", "postgres")) as conn:
        assert conn.execute("SELECT answer FROM kept").fetchone() == (42,)


def test_a_pid_file_that_names_another_server_is_not_believed(tmp_path: Path) -> None:
    other = Postgres(tmp_path / "other", durable=False)
    server = Postgres(tmp_path / "data", durable=False)
    with server:
        pass
    with other:
        left = (other.data_dir / "postmaster.pid").read_text().splitlines()
        left[1] = str(server.data_dir)
        (server.data_dir / "postmaster.pid").write_text("\n".join(left))
        with server, psycopg.connect(server.url("postgres", "postgres")) as conn:
            assert conn.execute("SELECT 1").fetchone() == (1,)
        psycopg.connect(other.url("postgres", "postgres")).close()


def test_postgres_dies_with_its_parent(tmp_path: Path) -> None:
    command = [sys.executable, "-c", SERVER_UNTIL_KILLED, str(tmp_path / "data")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        assert parent.stdout
        port = int(parent.stdout.readline())
        parent.kill()
    assert eventually(lambda: not (tmp_path / "data" / "postmaster.pid").exists())
    assert eventually(lambda: ports.is_free("127.0.0.1", port))


def test_giving_up_while_postgres_starts_leaves_nothing(tmp_path: Path) -> None:
    class GivenUp(Exception):
        pass

    def give_up(seconds: float) -> None:
        raise GivenUp

    server = Postgres(tmp_path / "data", durable=False)
    with pytest.raises(GivenUp):
        server.start(pause=give_up)
    assert server.child is None
    with server:
        assert server.port


# SES and the mailbox


def test_every_field_of_a_mail_is_kept(ses: Any, mailbox: FlaskClient) -> None:
    sent = mail(
        Content=simple(Headers=[{"Name": "List-Unsubscribe", "Value": "<https://x.example/u>"}]),
        ReplyToAddresses=["studio@light-and-shutter.example"],
        EmailTags=[{"Name": "outbox_id", "Value": "7"}],
        ConfigurationSetName="leadmagnet",
        FeedbackForwardingEmailAddress="bounces@light-and-shutter.example",
    )
    message_id = ses.send_email(**sent)["MessageId"]
    (shown,) = mailbox.get("/api/messages").get_json()
    assert shown.pop("receivedAt")
    assert shown == {
        "id": message_id,
        "to": ["ada@example.org"],
        "cc": [],
        "bcc": [],
        "replyTo": ["studio@light-and-shutter.example"],
        "from": "Light & Shutter <guide@light-and-shutter.example>",
        "subject": "Prêt",
        "text": "Voilà.",
        "html": "<p>Voilà.</p>",
        "headers": {"List-Unsubscribe": "<https://x.example/u>"},
        "tags": {"outbox_id": "7"},
        "configurationSet": "leadmagnet",
    }
    assert mailbox.get(f"/api/messages/{message_id}").get_json()["request"] == sent


@pytest.mark.parametrize(
    "request_",
    [
        pytest.param(mail(FromEmailAddress=""), id="no sender"),
        pytest.param(mail(Destination={}), id="no recipient"),
        pytest.param(mail(Destination={"ToAddresses": ["a@b.example"] * 51}), id="51 recipients"),
        pytest.param(mail(to="é@example.org"), id="an address beyond ASCII"),
        pytest.param(mail(to="nobody"), id="no address at all"),
        pytest.param(mail(Content={}), id="no content"),
        pytest.param(mail(Content=simple(Body={})), id="an empty body"),
        pytest.param(headers(*[(f"X-{n}", "v") for n in range(16)]), id="16 headers"),
        pytest.param(headers(("X:Y", "v")), id="a colon in a header's name"),
        pytest.param(headers(("X" * 127, "v")), id="a long header name"),
        pytest.param(headers(("X-Y", "v" * 996)), id="a long header"),
        pytest.param(headers(("X-Y", "é")), id="a header beyond ASCII"),
        pytest.param(headers(("X-Y", "a\r\nBcc: b@example.org")), id="a header in a header"),
        pytest.param(mail(EmailTags=[{"Name": "a b", "Value": "c"}]), id="a space in a tag"),
    ],
)
def test_what_ses_refuses_is_refused(
    ses: Any, mailbox: FlaskClient, request_: dict[str, Any]
) -> None:
    with pytest.raises(ClientError) as refusal:
        ses.send_email(**request_)
    assert refusal.value.response["Error"]["Code"] == "BadRequestException"
    assert refusal.value.response["Error"]["Message"]
    assert mailbox.get("/api/messages").get_json() == []


def test_as_many_headers_as_ses_takes(ses: Any, mailbox: FlaskClient) -> None:
    ses.send_email(**headers(*[(f"X-{n}", "~ " * 497 + "v") for n in range(15)]))
    (shown,) = mailbox.get("/api/messages").get_json()
    assert len(shown["headers"]) == 15


def test_the_newest_mail_is_first_and_an_address_finds_its_own(
    ses: Any, mailbox: FlaskClient
) -> None:
    for to in ("ada@example.org", "eve@example.org", "Ada <ADA@example.org>"):
        ses.send_email(**mail(to=to))
    found = [m["to"][0] for m in mailbox.get("/api/messages").get_json()]
    assert found == ["Ada <ADA@example.org>", "eve@example.org", "ada@example.org"]
    answer = mailbox.get("/api/messages", query_string={"to": "ada@example.org"}).get_json()
    assert [m["to"][0] for m in answer] == ["Ada <ADA@example.org>", "ada@example.org"]
    assert len(mailbox.get("/api/messages?limit=1").get_json()) == 1


def test_a_mail_is_shown_in_a_sandbox_and_the_page_allows_nothing_inline(
    ses: Any, mailbox: FlaskClient
) -> None:
    message_id = ses.send_email(**mail())["MessageId"]
    shown = mailbox.get(f"/api/messages/{message_id}/html")
    policy = shown.headers["Content-Security-Policy"]
    assert policy.startswith("sandbox allow-popups allow-popups-to-escape-sandbox; default-src")
    assert "allow-scripts" not in policy and "allow-same-origin" not in policy
    assert "<p>Voilà.</p>" in shown.text
    page = mailbox.get("/")
    assert "unsafe" not in page.headers["Content-Security-Policy"]
    assert mailbox.get("/api/messages/unknown").status_code == 404


@pytest.mark.parametrize("path", ["/", "/api/messages", "/static/mailbox.js"])
def test_the_mailbox_answers_to_its_own_names_alone(mailbox: FlaskClient, path: str) -> None:
    """A page whose own name leads to 127.0.0.1 would otherwise read it as its own origin."""

    def status(host: str, client: FlaskClient = mailbox) -> int:
        with client.get(path, headers={"Host": host}) as answer:
            return answer.status_code

    assert {status("127.0.0.1:8025"), status("localhost:8025")} == {200}
    strangers = ("evil.example", "127.0.0.1.evil.example:8025", "aws:8025")
    assert {status(host) for host in strangers} == {400}
    assert status("aws:8025", create_mailbox(names=["aws"]).test_client()) == 200


@pytest.mark.parametrize("media_type", ["text/plain", "application/x-www-form-urlencoded", None])
def test_a_mail_that_any_page_could_post_is_refused(
    mailbox: FlaskClient, media_type: str | None
) -> None:
    path = "/v2/email/outbound-emails"
    answer = mailbox.post(path, data=json.dumps(mail()), content_type=media_type)
    assert answer.status_code == 400
    assert mailbox.post(path, json=mail()).status_code == 200


def test_the_mails_outlive_a_restart_as_far_as_they_are_whole(tmp_path):
    file = tmp_path / "mailbox.jsonl"
    body = {
        "FromEmailAddress": "guide@studio.example",
        "Destination": {"ToAddresses": ["ada@example.org"]},
        "Content": {"Simple": {"Subject": {"Data": "Guide"}, "Body": {"Text": {"Data": "été"}}}},
    }
    file.touch(mode=0o644)
    create_mailbox(file).test_client().post("/v2/email/outbound-emails", json=body)
    assert file.stat().st_mode & 0o777 == 0o600
    with file.open("a") as unfinished:
        unfinished.write('{"id": "half')
    client = create_mailbox(file).test_client()
    assert [each["text"] for each in client.get("/api/messages").json] == ["été"]
    client.post("/v2/email/outbound-emails", json=body)
    assert len(create_mailbox(file).test_client().get("/api/messages").json) == 2
    client.delete("/api/messages")
    assert create_mailbox(file).test_client().get("/api/messages").json == []
