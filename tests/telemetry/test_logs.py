"""Log lines: whoever reads them may stall or go, and no server's own line is a traceback."""

from __future__ import annotations

import json
import logging
import os
import socket
import subprocess
import sys

import pytest

from leadmagnet.telemetry.log_stream import AT_MOST, LogStream

WARNED = """
import logging
from gunicorn.config import Config
from gunicorn.glogging import Logger
from leadmagnet.telemetry import logs
logs.configure("INFO")
Logger(Config()).error("Worker (pid:%s) exited with code %s.", 7, 1)
"""


def record(event):
    return logging.LogRecord("leadmagnet.x", logging.INFO, "", 0, event, (), None)


@pytest.fixture
def made():
    streams = []

    def make(file):
        streams.append(LogStream(file))
        return streams[-1]

    yield make
    for stream in streams:
        stream.close()


@pytest.fixture(params=["pipe", "socket"])
def ends(request):
    """Where a log is written, and where it is read, as files."""
    if request.param == "pipe":
        reading, writing = os.pipe()
    else:
        reading, writing = (end.detach() for end in socket.socketpair())
    with os.fdopen(reading, "rb", buffering=0) as far, os.fdopen(writing, "w") as near:
        yield near, far


def test_a_reader_that_stalls_costs_lines_and_no_time(ends, made):
    near, far = ends
    stream = made(near)
    for number in range(5000):
        stream.handle(record(f"line {number} {'x' * 200}"))
    written = far.read(10_000_000)
    assert written.startswith(b"line 0 ")
    stream.handle(record("the reader is back"))
    while not written.endswith(b"the reader is back\n"):
        written += far.read(10_000_000)
    lines = written.decode().splitlines()
    told = [json.loads(line) for line in lines if line.startswith("{")]
    assert {each["event"] for each in told} == {"log_lines_dropped"}
    whole = [line for line in lines if line.endswith("x" * 200)]
    assert len(whole) + sum(each["lines"] for each in told) == 5000
    assert len(whole) + len(told) + 1 == len(lines), "a line is whole or not there"


def test_a_long_line_is_cut_to_what_a_pipe_takes_at_once(ends, made):
    near, far = ends
    made(near).handle(record("x" * 10_000))
    assert far.read(100_000) == b"x" * (AT_MOST - 1) + b"\n"


def test_a_file_gets_every_line(tmp_path):
    with (tmp_path / "log").open("w") as file:
        stream = LogStream(file)
        for number in range(1000):
            stream.handle(record(f"line {number} {'x' * 200}"))
    assert len((tmp_path / "log").read_text().splitlines()) == 1000


def test_what_takes_no_line_costs_lines_and_no_traceback(tmp_path, capsys):
    (tmp_path / "log").touch()
    with open(os.open(tmp_path / "log", os.O_RDONLY), "w") as file:
        LogStream(file).handle(record("lost"))
    assert capsys.readouterr().err == ""


def test_gunicorns_own_lines_are_lines():
    done = subprocess.run(
        [sys.executable, "-c", WARNED], capture_output=True, text=True, check=True
    )
    assert "Worker (pid:7) exited with code 1." in done.stderr
    assert "Traceback" not in done.stdout + done.stderr
