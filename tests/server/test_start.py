"""What a start says, and what it leaves behind."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from leadmagnet.commands.plumbing import say_what_is_missing
from leadmagnet.config import Config, ConfigError
from leadmagnet.server import ports
from leadmagnet.telemetry import metrics_folder
from tests.support.servers import Server
from tests.support.services import configured
from tests.support.settings import AWS, SETTINGS


def start(command, **settings):
    """Without a region, unless it is given, and whatever this machine has."""
    return subprocess.run(
        [sys.executable, "-m", "leadmagnet", command],
        env={"PATH": os.environ["PATH"], "AWS_CONFIG_FILE": "/nowhere"} | SETTINGS | settings,
        capture_output=True,
        text=True,
        timeout=180,
    )


@pytest.mark.parametrize("command", ["serve", "worker"])
def test_without_a_region_it_does_not_start_and_says_what_to_set(database, command):
    done = start(command, DATABASE_URL=database.url)
    assert done.returncode == 1
    assert done.stderr.strip() == (
        "Error: no AWS region: set AWS_REGION (or AWS_DEFAULT_REGION), like eu-west-3"
    )


def test_a_profile_that_is_not_there_ends_the_start_with_a_sentence(
    database, tmp_path, monkeypatch
):
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_PROFILE", "studio")
    with pytest.raises(ConfigError, match="AWS_PROFILE names no profile"):
        say_what_is_missing(configured(database))


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("AWS_DEFAULT_REGION", "eu west", "no AWS region has such a name: set AWS_REGION"),
        ("AWS_DEFAULT_REGION", "nonsense é", "no AWS region has such a name: set AWS_REGION"),
        ("AWS_ENDPOINT_URL_S3", "nonsense", "AWS_ENDPOINT_URL_S3 (or AWS_ENDPOINT_URL) is no"),
        ("AWS_ENDPOINT_URL", "ftp://s3.example", "AWS_ENDPOINT_URL_S3 (or AWS_ENDPOINT_URL) is no"),
        ("AWS_ENDPOINT_URL", "http://s3.example:99999", "AWS_ENDPOINT_URL_S3 (or AWS_ENDPOINT_UR"),
        ("AWS_ENDPOINT_URL_SESV2", "http://[::1", "AWS_ENDPOINT_URL_SESV2 (or AWS_ENDPOINT_URL)"),
        ("AWS_CONFIG_FILE", __file__, f"AWS's config file {__file__} cannot be read"),
        ("AWS_SHARED_CREDENTIALS_FILE", __file__, f"AWS's config file {__file__} cannot be"),
        ("AWS_SECRET_ACCESS_KEY", "", "AWS's credentials are half set: add AWS_SECRET_ACCESS_KEY"),
        ("AWS_METADATA_SERVICE_TIMEOUT", "soon", "AWS_METADATA_SERVICE_TIMEOUT and AWS_METADATA_"),
        ("AWS_RETRY_MODE", "nonsense", "a setting of AWS is wrong (InvalidRetryModeError)"),
    ],
)
def test_an_unusable_setting_of_aws_ends_a_command_with_a_sentence(
    leadmagnet, tmp_path, name, value, said
):
    guide = tmp_path / "guide.pdf"
    guide.write_bytes(b"%PDF-1.7")
    for words in (["serve"], ["worker"], ["magnets", "put", "guide", str(guide)]):
        ran = leadmagnet(*words, **(AWS | {name: value}))
        assert (ran.returncode, ran.stdout) == (1, "")
        assert ran.stderr.startswith(f"Error: {said}")
        assert len(ran.stderr.splitlines()) == 1
    doctor = leadmagnet("doctor", "--category", "settings", **(AWS | {name: value}))
    assert doctor.returncode == 1
    assert said.partition(":")[0] in doctor.stdout


def test_an_old_server_is_refused_by_its_version(database, monkeypatch, capsys):
    # No older server is at hand, so that this one is made too old.
    monkeypatch.setattr("leadmagnet.database.session.NEEDED_VERSION", 990000)
    say_what_is_missing(configured(database))
    said = capsys.readouterr().err
    assert "not ready: PostgreSQL 18 or newer is needed, and this server is 18" in said


def test_the_region_by_its_other_name_is_enough_and_the_rest_is_said(
    database, tmp_path, monkeypatch, capsys
):
    for name in ("AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    for name, value in SETTINGS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("DATABASE_URL", database.url)
    monkeypatch.setenv("AWS_REGION", "eu-west-3")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_DEFAULT_REGION", "")
    monkeypatch.setenv("LOGLEVEL", "DEBUG")
    database.rows("REVOKE ALL ON lm_magnets FROM lm_app")
    say_what_is_missing(Config.load())
    said = capsys.readouterr().err
    assert "no AWS credentials" in said
    assert "LOGLEVEL is no setting: LOG_LEVEL?" in said
    assert "not ready: the role lacks a right" in said


def test_a_port_that_is_taken_ends_the_start_with_a_sentence(database):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        done = start("serve", DATABASE_URL=database.url, PORT=str(port), **AWS)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"Error: port {port} of 127.0.0.1 cannot be listened on (Address already in use): correct"
        " HOST or PORT\n"
    )


def test_a_port_that_is_left_meanwhile_is_had():
    other = socket.create_server(("127.0.0.1", 0))
    host, port = other.getsockname()
    assert ports.refusal(host, port) == ports.TAKEN
    with ThreadPoolExecutor(1) as elsewhere:
        waited = elsewhere.submit(ports.lasting_refusal, host, port, patience=60)
        other.close()
        assert waited.result() is None


@pytest.mark.parametrize("host", ["::1", "[::1]"])
def test_an_ipv6_address_is_bound_with_or_without_brackets(host):
    code = "from leadmagnet.server.gunicorn_conf import bind; print(bind)"
    environment = SETTINGS | {"DATABASE_URL": "postgresql://localhost/x", "HOST": host}
    words = [sys.executable, "-c", code]
    ran = subprocess.run(words, env=environment, capture_output=True, text=True, check=True)
    assert ran.stdout == "[::1]:8000\n"


def test_the_folder_of_the_figures_goes_with_the_server_and_after_a_kill_at_the_next_start(
    database, tmp_path
):
    ended = subprocess.Popen(["true"])
    ended.wait()
    left = tmp_path / f"{metrics_folder.PREFIX}{ended.pid}-left"
    left.mkdir()
    running = Server(database.url, METRICS_TOKEN="m" * 32, TMPDIR=str(tmp_path))
    (own,) = tmp_path.glob(f"{metrics_folder.PREFIX}*")
    assert own.name.startswith(f"{metrics_folder.PREFIX}{running.process.pid}-")
    running.stop()
    assert list(tmp_path.glob(f"{metrics_folder.PREFIX}*")) == []
