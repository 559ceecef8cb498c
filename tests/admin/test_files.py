"""The file of a magnet: uploaded to the bucket, examined, handed out; and what is refused."""

from __future__ import annotations

import json
import logging
from base64 import b64decode
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from hashlib import sha256
from uuid import uuid4

import boto3
import pytest
import urllib3

from leadmagnet.adapters.s3 import Files
from leadmagnet.funnel.files import MOST_BYTES
from tests.support.admin import Caller, admin_client, new_key
from tests.support.client import confirm, problem, sign_up
from tests.support.paths import path_of

SLUG = "guide-mariee-sereine"
PDF = path_of("src/leadmagnet/dev/guide.pdf").read_bytes()
OTHER = PDF + b"\n%%EOF\n"
# The file lies in a folder that another user of the tests may not enter.
BUCKET = "leadmagnet-uploads"


@pytest.fixture
def bucket(s3, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", s3)
    client = boto3.client("s3")
    place = {"LocationConstraint": "eu-west-3"}
    client.create_bucket(Bucket=BUCKET, CreateBucketConfiguration=place)
    yield client
    for item in client.list_objects_v2(Bucket=BUCKET).get("Contents", []):
        client.delete_object(Bucket=BUCKET, Key=item["Key"])
    client.delete_bucket(Bucket=BUCKET)


@pytest.fixture
def services(bucket, start):
    services = start()
    files = Files(BUCKET, url_life=services.config.download_url_seconds)
    return replace(services, files=files)


@pytest.fixture(autouse=True)
def urllib3_is_quiet(caplog):
    """The test's own client: its lines would name the form."""
    with caplog.at_level(logging.ERROR, logger="urllib3"):
        yield


def post(form, data):
    """As the site's server does."""
    fields = {**form["fields"], "file": ("Guide.pdf", data, "application/pdf")}
    answer = urllib3.request("POST", form["url"], fields=fields)
    assert answer.status == 204, answer.data


def upload(owner, data, slug=SLUG):
    form = owner.post(f"/magnets/{slug}/files")
    assert form.status_code == 201
    post(form.json, data)
    return form.json["fileId"]


def activate(owner, file_id, *, etag="*", slug=SLUG):
    headers = {} if etag is None else {"If-Match": etag}
    return owner.post(f"/magnets/{slug}/files/{file_id}/activate", headers=headers)


def stored(bucket, prefix="guides/"):
    found = bucket.list_objects_v2(Bucket=BUCKET, Prefix=prefix).get("Contents", [])
    return {item["Key"] for item in found}


def held(database):
    return database.checksum(without=frozenset(("lm_admin_keys", "lm_audit")))


def test_an_uploaded_file_is_handed_out_and_the_former_can_be_again(
    owner, client, bucket, mailbox, database
):
    sign_up(client)
    token = mailbox.deliver().token()
    file_id = upload(owner, OTHER)
    answer = activate(owner, file_id, etag='"1"')
    assert (answer.status_code, answer.headers["ETag"]) == (200, '"2"')
    new, former = answer.json["files"]
    assert (new["id"], new["current"], former["current"]) == (file_id, True, False)
    digest = sha256(OTHER).hexdigest()
    key = f"guides/{SLUG}/{digest}.pdf"
    assert (new["sha256"], new["sizeBytes"], new["s3Key"]) == (digest, len(OTHER), key)
    assert stored(bucket) == {key}
    url = confirm(client, token).json["downloadUrl"]
    assert urllib3.request("GET", url).data == OTHER

    bucket.put_object(Bucket=BUCKET, Key=former["s3Key"], Body=PDF)
    again = activate(owner, former["id"], etag='"2"').json["files"]
    assert [one["current"] for one in again] == [False, True]
    assert again[1]["activatedAt"] > again[1]["createdAt"]
    assert former["s3Key"] in confirm(client, token).json["downloadUrl"]
    noted = [row["detail"] for row in database.rows("SELECT detail FROM lm_audit ORDER BY id")]
    assert [one["act"] for one in noted] == ["upload", "activate", "activate"]
    assert (noted[1]["file"], noted[1]["sha256"]) == (file_id, digest)


def test_a_draft_is_offered_once_it_has_a_file(owner, client):
    new = {
        "slug": "guide-bebe",
        "title": {"fr": "Naissance", "en": "Newborn"},
        "description": {"fr": "Une heure.", "en": "An hour."},
        "fileName": "Guide.pdf",
    }
    owner.post("/magnets", new)
    assert activate(owner, upload(owner, PDF, "guide-bebe"), slug="guide-bebe").status_code == 200
    assert owner.get("/magnets/guide-bebe").json["state"] == "offered"
    assert client.get("/api/lead-magnet/magnets/guide-bebe").status_code == 200


def test_the_same_bytes_again_are_the_same_file(owner):
    first, second = upload(owner, OTHER), upload(owner, OTHER)
    activate(owner, first)
    for file_id in (second, second, first):
        files = activate(owner, file_id).json["files"]
        assert [one["id"] for one in files if one["current"]] == [first]
        assert len(files) == 2


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"<html>%PDF-</html>%%EOF", "file_no_pdf"),
        (b"%PDF-1.7 cut", "file_no_pdf"),
        (b"%PDF", "file_no_pdf"),
        (b"", "file_no_pdf"),
        (b"%PDF-1.7\n%%EOF" + b"\n" * 2000, "file_no_pdf"),
        (b"%PDF-1.7\ntrailer << /Encrypt 5 0 R >>\n%%EOF", "file_encrypted"),
        (b"%PDF-1.7 /Encrypt<</V 4>>" + b"0" * 2 * 2**20 + b"%%EOF", "file_encrypted"),
        (b"%PDF-1.7\ntrailer << /En#63r#79pt\0 5 0 R >>\n%%EOF", "file_encrypted"),
        (b"%PDF-1.7\n<</Type/XRef/#45#6e#63#72#79#70#74 5 0 R>>\n%%EOF", "file_encrypted"),
        (b"%PDF-1.7\n<</Type/XRef/E#6Ecrypt<</V 5>>>>\n%%EOF", "file_encrypted"),
        # In two pieces, as it is read.
        (b"%PDF-" + b"0" * (2**20 - 10) + b"/Encrypt 5 0 R\n%%EOF", "file_encrypted"),
        (b"%PDF-1.7" + b"0" * MOST_BYTES + b"%%EOF", "file_too_large"),
    ],
    ids=["html", "cut", "short", "empty", "junk behind", "encrypted", "inline", "escaped",
         "every letter", "upper case", "split", "large"],
)  # fmt: skip
def test_what_is_no_pdf_for_everybody_is_never_handed_out(owner, bucket, database, data, code):
    file_id = upload(owner, data)
    before = held(database)
    assert problem(activate(owner, file_id)) == (409, code)
    assert stored(bucket) == set()
    assert held(database) == before


def test_the_form_takes_one_pdf_of_limited_size_under_one_key(owner):
    """What S3 enforces, which the emulator does not: as the signed policy says it."""
    form = owner.post(f"/magnets/{SLUG}/files").json
    conditions = json.loads(b64decode(form["fields"]["policy"]))["conditions"]
    assert ["content-length-range", 1, MOST_BYTES] in conditions
    assert {"Content-Type": "application/pdf"} in conditions
    assert {"key": f"incoming/{SLUG}/{form['fileId']}.pdf"} in conditions
    assert form["seconds"] == 900


def test_an_upload_that_never_came_or_was_never_begun_says_so(owner, database):
    begun = owner.post(f"/magnets/{SLUG}/files").json["fileId"]
    before = held(database)
    for file_id in (begun, uuid4()):
        assert problem(activate(owner, file_id)) == (409, "upload_missing")
    assert problem(activate(owner, "x" * 36)) == (404, "not_found")
    assert held(database) == before


def test_a_file_of_another_magnet_cannot_be_activated(owner, database):
    owner.post(
        "/magnets",
        {
            "slug": "other",
            "title": {"fr": "a", "en": "a"},
            "description": {"fr": "a", "en": "a"},
            "fileName": "a.pdf",
        },
    )
    (file,) = owner.get(f"/magnets/{SLUG}").json["files"]
    for file_id in (file["id"], upload(owner, OTHER)):
        assert problem(activate(owner, file_id, slug="other")) == (409, "upload_missing")


def test_a_former_file_that_is_gone_from_the_bucket_stays_former(owner, bucket):
    former = owner.get(f"/magnets/{SLUG}").json["files"][0]["id"]
    activate(owner, upload(owner, OTHER))
    assert problem(activate(owner, former)) == (409, "file_missing")


def test_who_has_not_seen_the_latest_version_activates_nothing(owner, bucket, database):
    file_id = upload(owner, OTHER)
    before = held(database)
    assert problem(activate(owner, file_id, etag=None)) == (428, "version_missing")
    assert problem(activate(owner, file_id, etag='"7"')) == (412, "changed_meanwhile")
    assert stored(bucket) == set()
    assert held(database) == before


def test_of_two_who_activate_at_once_one_wins(owner):
    uploads = [upload(owner, PDF + b"\n%%EOF" * times) for times in (1, 2)]
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda file_id: activate(owner, file_id, etag='"1"'), uploads))
    assert sorted(answer.status_code for answer in answers) == [200, 412]
    won = next(answer for answer in answers if answer.status_code == 200)
    now = owner.get(f"/magnets/{SLUG}").json["files"]
    assert [one for one in won.json["files"] if one["current"]] == [
        one for one in now if one["current"]
    ]


def test_a_retired_or_unknown_magnet_takes_no_file(owner):
    file_id = upload(owner, OTHER)
    owner.post(f"/magnets/{SLUG}/retire")
    for slug, refusal in ((SLUG, (409, "magnet_retired")), ("nothing", (404, "magnet_unknown"))):
        assert problem(owner.post(f"/magnets/{slug}/files")) == refusal
        assert problem(activate(owner, file_id, slug=slug)) == refusal


def test_a_bucket_that_does_not_answer_is_a_503_and_changes_nothing(
    services, database, monkeypatch
):
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")
    away = Files(BUCKET, url_life=services.config.download_url_seconds)
    with admin_client(replace(services, files=away)) as client:
        owner = Caller(client, new_key(database, services, role="owner"))
        before = held(database)
        former = owner.get(f"/magnets/{SLUG}").json["files"][0]["id"]
        for file_id in (uuid4(), former):
            assert problem(activate(owner, file_id)) == (503, "storage_unavailable")
        assert held(database) == before


def test_which_file_a_person_got_is_told_after_it_was_replaced(
    owner, client, mailbox, database, leadmagnet
):
    sign_up(client)
    token = mailbox.deliver().token()
    former = owner.get(f"/magnets/{SLUG}").json["files"][0]
    for _ in range(2):
        assert confirm(client, token).status_code == 200
    activate(owner, upload(owner, OTHER))
    confirm(client, token)
    ada = database.value("SELECT id FROM lm_subscribers")
    first, second = owner.get(f"/subscribers/{ada}").json["files"]
    assert (first["sha256"], first["times"]) == (former["sha256"], 2)
    assert (second["sha256"], second["times"]) == (sha256(OTHER).hexdigest(), 1)
    assert (second["magnet"], second["sizeBytes"]) == (SLUG, len(OTHER))
    assert second["firstAt"] > first["firstAt"]
    held_of_ada = json.loads(leadmagnet("subscriber", "show", str(ada)).stdout)
    assert [one["sha256"] for one in held_of_ada["files"]] == [first["sha256"], second["sha256"]]
    database.rows("DELETE FROM lm_download_tokens")
    assert len(owner.get(f"/subscribers/{ada}").json["files"]) == 2
    assert owner.delete(f"/subscribers/{ada}", {"reason": "person_asked"}).status_code == 204
    assert database.count("lm_downloads") == 0
