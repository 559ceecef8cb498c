"""From an empty database to a visitor's file and a backup, by the commands of docs/operating.md."""

from __future__ import annotations

import re
from pathlib import Path
from shlex import quote, split

import boto3
import pytest
import requests
from psycopg import sql

from leadmagnet.config import Config
from leadmagnet.services import Services
from tests.contract.test_documents import commands_in
from tests.support.client import client_of, confirm
from tests.support.mailbox import Mailbox
from tests.support.paths import path_of
from tests.support.settings import ADA, API, SETTINGS
from tests.support.stack import administrator, drop_database

PDF = path_of("src/leadmagnet/dev/guide.pdf")
NAME = "from-nothing"


@pytest.fixture
def settings(server, s3, monkeypatch):
    """Of a service whose database and bucket are empty."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", s3)
    bucket = boto3.resource("s3").create_bucket(
        Bucket=NAME, CreateBucketConfiguration={"LocationConstraint": "eu-west-3"}
    )
    with administrator(server) as admin:
        create = "CREATE DATABASE {} OWNER lm_owner"
        admin.execute(sql.SQL(create).format(sql.Identifier(NAME)))
        yield SETTINGS | {
            "S3_BUCKET": NAME,
            "DATABASE_URL": server.url("lm_app", NAME),
            "MIGRATION_DATABASE_URL": server.url("lm_owner", NAME),
            "AWS_ENDPOINT_URL_S3": s3,
            "AWS_DEFAULT_REGION": "eu-west-3",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
        }
        drop_database(admin, NAME)
    bucket.objects.delete()
    bucket.delete()


def of_the_document():
    """Each command of ours in docs/operating.md, in its order, and the file that takes its output.

    The doctor asks the network: tests/dev runs it.
    """
    for words in commands_in("docs/operating.md", "leadmagnet"):
        command, *file = re.split(" '>{1,2}' ", " ".join(map(quote, words)))
        if words[0] != "doctor":
            yield split(command), file[0] if file else None


def test_an_empty_database_becomes_a_working_funnel_without_sql(
    settings, leadmagnet, aws, mailer, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)

    def run(*args, stdin=""):
        done = leadmagnet(*args, stdin=stdin, **settings)
        assert done.returncode == 0, done.stderr
        return done.stdout

    Path("guide.pdf").write_bytes(PDF.read_bytes() + b"\n%%EOF\n")
    Path("text.txt").write_text("J’accepte de recevoir ce guide par e-mail.")
    for name in ("api.log", "worker.log"):
        Path(name).write_text('{"at": "2026-11-28T04:00:00+00:00", "event": "started"}')
    known = set()
    for words, file in of_the_document():
        said = run(*words)
        if file:
            Path(file).write_text(said)
        known.add(" ".join(words[:2]))
    assert known >= {"secrets", "migrate", "magnets add", "texts add", "erasures reapply"}
    run("magnets", "put", "mon-guide", str(PDF))

    config = Config.from_env(settings)
    services = Services.from_config(config, connections=4)
    services.database.open()
    try:
        client = client_of(services)
        offer = client.get(f"{API}/magnets/mon-guide").json
        consents = [text["id"] for text in offer["consentTexts"]]
        assert len(consents) == 1
        body = {"email": ADA, "consents": consents, "magnet": "mon-guide"}
        assert client.post(f"{API}/signup", json=body).status_code == 202
        mailbox = Mailbox(services, aws.test_client(), mailer)
        answer = confirm(client, mailbox.deliver().token()).json
    finally:
        services.database.close()
    assert answer["fileName"] == "Mon guide.pdf"
    assert requests.get(answer["downloadUrl"], timeout=30).content == PDF.read_bytes()
