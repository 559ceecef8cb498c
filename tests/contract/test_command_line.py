"""What all commands have in common: whole summaries, tables with headers, JSON for programs."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import click
import pytest

from leadmagnet.commands import COMMANDS, main, printing
from leadmagnet.commands.printing import Progress, human, print_table

LISTS = {
    "mails": "no mails yet",
    "mails flood": "no mail is queued for a network",
    "requests": "nothing waiting; 0 failed",
    "keys list": "no keys: make one with `leadmagnet keys add`",
    "erasures list": "nobody was erased",
    "webhooks list": "no endpoints yet",
    "webhooks deliveries": "no events",
}
KEYS = {"RECEIPT_KEY": "k" * 43 + "=", "WEBHOOK_KEY": "k" * 64}
CONTEXT = click.Context(main)
GROUPS = [name for name in COMMANDS if isinstance(main.get_command(CONTEXT, name), click.Group)]


@pytest.mark.parametrize("group", ["", *GROUPS])
def test_a_help_page_says_each_commands_first_sentence_whole(leadmagnet, group):
    shown = leadmagnet(*group.split(), "--help").stdout
    _, _, commands = shown.partition("Commands:")
    assert commands and "..." not in commands


@pytest.mark.parametrize(("command", "sentence"), LISTS.items())
def test_an_empty_list_says_so(leadmagnet, command, sentence):
    result = leadmagnet(*command.split())
    assert sentence in result.stdout + result.stderr


@pytest.mark.parametrize("command", [*LISTS, "magnets list", "texts list"])
def test_every_list_is_json_for_a_program(leadmagnet, command):
    json.loads(leadmagnet(*command.split(), "--json").stdout)


@pytest.mark.parametrize("command", ["magnets list", "texts list"])
def test_a_table_has_headers(leadmagnet, command):
    first, *rows = leadmagnet(*command.split()).stdout.splitlines()
    assert first == first.upper()
    assert rows


def test_a_long_last_column_is_broken_where_the_terminal_ends(capsys, monkeypatch):
    rows = [("1", "a sentence of SES that is too long for the line"), ("2", "f" * 40)]
    print_table(("ID", "REASON"), rows, empty="")
    assert capsys.readouterr().out.splitlines()[1].endswith("for the line")
    monkeypatch.setattr(printing, "columns", lambda: 30)
    print_table(("ID", "REASON"), rows, empty="")
    assert capsys.readouterr().out.splitlines() == [
        *("ID  REASON", "1   a sentence of SES that is", "    too long for the line"),
        # What is pasted stays whole.
        f"2   {'f' * 40}",
    ]


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "0 s"),
        (59, "59 s"),
        (60, "1 min"),
        (297, "4 min 57 s"),
        (3600, "1 h"),
        (90_061, "1 d 1 h"),
    ],
)
def test_a_duration_is_told_in_two_units_at_most(seconds, said):
    assert human(timedelta(seconds=seconds)) == said


def test_deliveries_of_an_unknown_endpoint_are_refused(leadmagnet):
    refused = leadmagnet("webhooks", "deliveries", "nobody")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "there is no endpoint nobody" in refused.stderr


def test_progress_is_told_once_a_second_after_the_first_second(capsys):
    moments = iter([0.0, 0.9, 1.1, 1.1, 1.5, 2.2, 2.2])
    progress = Progress("seals", clock=lambda: next(moments))
    for count in (10, 20, 30, 40):
        progress(count)
    assert capsys.readouterr().err == "… 20 seals\n… 40 seals\n"


def test_the_shell_completes_commands(leadmagnet):
    asked = {
        "_LEADMAGNET_COMPLETE": "bash_complete",
        "COMP_WORDS": "leadmagnet mai",
        "COMP_CWORD": "1",
    }
    assert leadmagnet(**asked).stdout == "plain,mails\n"


def shell(line, **options):
    environment = {"PATH": os.environ["PATH"]}
    words = ["sh", "-c", f'{NO_GROWTH}"$0" -m leadmagnet {line}', sys.executable]
    return subprocess.run(words, env=environment, text=True, stderr=subprocess.PIPE, **options)


# A device without room; where there is none, as on macOS, a file that may not grow.
NO_GROWTH, FULL, REASON = (
    ("", "/dev/full", os.strerror(errno.ENOSPC))
    if Path("/dev/full").exists()
    else ("ulimit -f 0; ", "full", os.strerror(errno.EFBIG))
)
UNWRITTEN = f"Error: the output cannot be written: {REASON}"


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("doctor --mail-to - <&-", "Error: stdin is closed"),
        ("secrets >&-", "Error: stdout is closed: nothing was done"),
        (f"secrets >{FULL}", UNWRITTEN),
        (f"--help >{FULL}", UNWRITTEN),
        (f"openapi >{FULL}", UNWRITTEN),
        (f"openapi --output {FULL}", UNWRITTEN),
    ],
)
def test_a_closed_stream_or_a_full_disk_is_a_sentence(line, sentence, tmp_path):
    ran = shell(line, cwd=tmp_path)
    assert ran.stderr.splitlines() == [sentence]
    assert ran.returncode == 1


def test_a_reader_who_has_seen_enough_is_told_nothing():
    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, "wb") as pipe:
        assert shell("openapi", stdout=pipe).stderr == ""


def leaves(group=main, path=()):
    """Every command that ends, with an argument of its kind for each that it requires."""
    for name in group.list_commands(CONTEXT):
        command = group.get_command(CONTEXT, name)
        if isinstance(command, click.Group):
            yield from leaves(command, (*path, name))
        elif name not in ("dev", "serve", "worker", "doctor"):
            yield (*path, name, *(word for given in command.params for word in filled(given)))


def filled(parameter):
    if not parameter.required:
        return ()
    kind = parameter.type
    value = {click.File: "/dev/null", type(click.UUID): str(UUID(int=0))}.get(type(kind), "12")
    if isinstance(kind, click.Choice):
        value = kind.choices[0]
    if parameter.name in ("since", "network"):
        value = {"since": "2026-01-01", "network": "abcdefabcdef"}[parameter.name]
    return (value,) if isinstance(parameter, click.Argument) else (parameter.opts[0], value)


def test_whatever_an_operator_can_cause_is_a_sentence(leadmagnet, server, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = ("DATABASE_URL", "MIGRATION_DATABASE_URL")
    not_ours = dict.fromkeys(names, server.url("lm_app", "postgres"))
    for words in leaves():
        for surroundings in ({}, not_ours):
            ran = leadmagnet(*words, **KEYS, **surroundings)
            assert ran.returncode in (0, 1, 2), words
            if ran.returncode == 1 and ran.stderr != "Aborted!\n":
                assert ran.stderr.splitlines()[-1].startswith("Error: "), (words, ran.stderr)
        wrong = leadmagnet(*words, "--nonsense")
        assert (wrong.returncode, wrong.stdout) == (2, ""), words
        assert "No such option" in wrong.stderr, words
