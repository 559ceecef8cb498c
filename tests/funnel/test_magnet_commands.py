"""From an empty table to a working funnel, by commands alone."""

from __future__ import annotations

import re
from hashlib import sha256

import boto3
import pytest

from tests.support.client import confirm
from tests.support.paths import path_of
from tests.support.settings import ADA, API

PDF = path_of("src/leadmagnet/dev/guide.pdf")
TEXTS = ("--title-fr", "Un guide", "--title-en", "A guide")
TEXTS += ("--description-fr", "Court.", "--description-en", "Short.", "--file-name", "Guide.pdf")
# The file lies in a folder that another user of the tests may not enter.
NAME = "leadmagnet-commands"


@pytest.fixture
def magnets(leadmagnet, s3):
    """`leadmagnet magnets …` with a bucket of its own."""
    client = boto3.client("s3", endpoint_url=s3)
    client.create_bucket(Bucket=NAME, CreateBucketConfiguration={"LocationConstraint": "eu-west-3"})

    def run(*args, **changes):
        return leadmagnet(
            "magnets",
            *args,
            **{
                "S3_BUCKET": NAME,
                "AWS_ENDPOINT_URL_S3": s3,
                "AWS_DEFAULT_REGION": "eu-west-3",
                "AWS_ACCESS_KEY_ID": "test",
                "AWS_SECRET_ACCESS_KEY": "test",
                **changes,
            },
        )

    run.client = client
    yield run
    for item in client.list_objects_v2(Bucket=NAME).get("Contents", []):
        client.delete_object(Bucket=NAME, Key=item["Key"])
    client.delete_bucket(Bucket=NAME)


def stored(magnets):
    return {item["Key"] for item in magnets.client.list_objects_v2(Bucket=NAME).get("Contents", [])}


def test_a_magnet_made_by_commands_serves_its_funnel(
    magnets, leadmagnet, client, mailbox, database, tmp_path
):
    added = magnets("add", "mon-guide", *TEXTS, str(PDF))
    assert added.returncode == 0, added.stderr
    assert "leadmagnet texts add --magnet mon-guide" in added.stdout
    key = f"guides/mon-guide/{sha256(PDF.read_bytes()).hexdigest()}.pdf"
    assert stored(magnets) == {key}
    text = leadmagnet(
        *("texts", "add", "--magnet", "mon-guide", "--purpose", "delivery", "--locale", "fr"),
        *("--policy-version", "1", "--policy-url", "https://www.example.org/p", "-"),
        stdin="J’accepte de recevoir ce guide par e-mail.",
    )
    assert text.returncode == 0, text.stderr
    page = client.get(f"{API}/magnets/mon-guide").json
    consents = [text["id"] for text in page["consentTexts"]]
    body = {"email": ADA, "consents": consents, "magnet": "mon-guide"}
    assert client.post(f"{API}/signup", json=body).status_code == 202
    answer = confirm(client, mailbox.deliver().token()).json
    assert answer["fileName"] == "Guide.pdf"
    assert key in answer["downloadUrl"]

    other = tmp_path / "other.pdf"
    other.write_bytes(PDF.read_bytes() + b"\n%%EOF\n")
    changed = magnets("put", "mon-guide", "--file-name", "Guide 2.pdf", str(other))
    assert changed.returncode == 0, changed.stderr
    # The former file stays: what was handed out can still be told.
    assert len(stored(magnets)) == 2
    again = confirm(client, mailbox.token()).json
    assert again["fileName"] == "Guide 2.pdf"
    assert sha256(other.read_bytes()).hexdigest() in again["downloadUrl"]

    shown = magnets("show", "mon-guide").stdout
    assert "offered, 1 current text, saved as Guide 2.pdf" in shown
    assert re.search(
        rf"current +{other.stat().st_size} +{sha256(other.read_bytes()).hexdigest()}", shown
    )
    assert sha256(PDF.read_bytes()).hexdigest() in magnets("show", "mon-guide", "--json").stdout
    assert magnets("change", "mon-guide", "--title-fr", "Mon guide").stdout == "changed mon-guide\n"
    page = client.get(f"{API}/magnets/mon-guide", headers={"Accept-Language": "fr"}).json
    assert (page["title"], page["description"]) == ("Mon guide", "Court.")
    assert "nothing to change" in magnets("change", "mon-guide", "--title-fr", "Mon guide").stderr
    assert magnets("show", "nothing").stderr == "Error: there is no magnet 'nothing'\n"
    listed = magnets("list").stdout
    assert re.search(r"^mon-guide +offered +1 ", listed, re.M)
    assert magnets("retire", "mon-guide").stdout == "retired mon-guide\n"
    assert client.get(f"{API}/magnets/mon-guide").status_code == 404
    assert confirm(client, mailbox.token()).status_code == 200
    assert '"slug": "mon-guide"' in magnets("list", "--json").stdout
    noted = database.rows("SELECT actor, detail->>'act' AS act FROM lm_audit ORDER BY id")
    assert {row["actor"] for row in noted} == {"operator"}
    assert [row["act"] for row in noted] == ["add", "add_text", "put", "change", "retire"]


@pytest.mark.parametrize(
    ("args", "pdf", "sentence"),
    [
        (("add", "un-guide", *TEXTS), b"<html>", "this is no whole PDF file"),
        (("add", "un-guide", *TEXTS), b"%PDF-1.7 cut", "this is no whole PDF file"),
        (("add", "un-guide", *TEXTS), b"%PDF-1.7 /Encrypt 5 0 R %%EOF", "this PDF is encrypted"),
        (("add", "Un Guide", *TEXTS), b"%PDF-1.7 %%EOF", "a slug has lower-case letters"),
        (
            ("add", "guide-mariee-sereine", *TEXTS),
            b"%PDF-1.7 %%EOF",
            "use `leadmagnet magnets put`",
        ),
        (("put", "nothing"), b"%PDF-1.7 %%EOF", "there is no magnet 'nothing'"),
    ],
)
def test_what_cannot_be_is_told_in_a_sentence_and_changes_nothing(
    magnets, database, tmp_path, args, pdf, sentence
):
    before = database.checksum()
    file = tmp_path / "a.pdf"
    file.write_bytes(pdf)
    answer = magnets(*args, str(file))
    assert answer.returncode == 1
    assert sentence in answer.stderr
    assert "Traceback" not in answer.stderr
    assert database.checksum() == before
    assert stored(magnets) == set()


def test_a_bucket_that_refuses_is_told_and_changes_nothing(magnets, database, tmp_path):
    before = database.checksum()
    answer = magnets("add", "un-guide", *TEXTS, str(PDF), S3_BUCKET="nobodys-bucket")
    assert answer.returncode == 1
    assert "S3 did not take the file (NoSuchBucket)" in answer.stderr
    answer = magnets("put", "guide-mariee-sereine", str(PDF), AWS_DEFAULT_REGION="")
    assert answer.returncode == 1
    assert "AWS_REGION" in answer.stderr
    assert database.checksum() == before


@pytest.mark.parametrize("name", ["a/b.pdf", "", "a\\b", "a\nb", "x" * 10_000])
def test_a_file_name_that_no_visitor_could_save_is_refused_in_a_sentence(magnets, name):
    answer = magnets("put", "guide-mariee-sereine", "--file-name", name, str(PDF))
    assert answer.returncode == 1
    assert "a file name has 1 to 150 characters" in answer.stderr
    assert "Traceback" not in answer.stderr
    assert stored(magnets) == set()
