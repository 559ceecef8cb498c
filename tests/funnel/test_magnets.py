"""What the page shows, and the look at the bucket behind it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, urlsplit

import boto3
import pytest
from botocore.credentials import RefreshableCredentials
from botocore.exceptions import ClientError

from leadmagnet.adapters.s3 import Files
from leadmagnet.errors import FileUnavailable, StorageUnavailable
from leadmagnet.funnel import magnets
from tests.support.client import problem
from tests.support.settings import API

GUIDE = f"{API}/magnets/guide-mariee-sereine"


def test_the_page_gets_title_and_texts_in_french(client):
    body = client.get(GUIDE).json
    assert body["title"] == "Guide de la Mariée Sereine"
    assert [(text["purpose"], text["required"]) for text in body["consentTexts"]] == [
        ("delivery", True),
        ("newsletter", False),
    ]
    assert set(body["consentTexts"][0]) == {
        "id", "purpose", "required", "locale", "text", "policyVersion", "policyUrl",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("path", "language", "locale"),
    [
        (GUIDE, "en-US,en;q=0.9", "en"),
        (GUIDE, "fr-CA", "fr"),
        (GUIDE, "de", "fr"),
        (GUIDE, "", "fr"),
        (GUIDE + "?locale=en", "fr", "en"),
    ],
)
def test_the_language_is_the_one_asked_for(client, path, language, locale):
    body = client.get(path, headers={"Accept-Language": language}).json
    assert {text["locale"] for text in body["consentTexts"]} == {locale}


def test_a_language_we_do_not_speak_is_refused(client):
    assert problem(client.get(GUIDE + "?locale=de")) == (422, "locale_unknown")


def test_a_retired_text_is_no_longer_shown(client, database):
    database.rows("UPDATE lm_consent_texts SET retired_at = now() WHERE purpose = 'newsletter'")
    assert [text["purpose"] for text in client.get(GUIDE).json["consentTexts"]] == ["delivery"]


def test_the_page_is_cacheable_and_costs_nothing_when_it_has_not_changed(client, database):
    first = client.get(GUIDE)
    assert first.headers["Cache-Control"] == "public, max-age=60"
    assert "Accept-Language" in first.headers["Vary"]
    tag = {"If-None-Match": first.headers["ETag"]}
    assert client.get(GUIDE, headers=tag).status_code == 304
    database.rows("UPDATE lm_magnets SET file_name = 'Neu.pdf'")
    assert client.get(GUIDE, headers=tag).status_code == 200


@pytest.mark.parametrize("slug", ["nothing", "GUIDE-MARIEE-SEREINE", "a%00b", "%ff", "x" * 1000])
def test_an_unknown_magnet_is_a_404(client, slug):
    assert problem(client.get(f"{API}/magnets/{slug}"))[0] == 404


@pytest.fixture
def bucket(s3, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", s3)
    client = boto3.client("s3")
    client.create_bucket(
        Bucket="guides", CreateBucketConfiguration={"LocationConstraint": "eu-west-3"}
    )
    yield client
    for item in client.list_objects_v2(Bucket="guides").get("Contents", []):
        client.delete_object(Bucket="guides", Key=item["Key"])
    client.delete_bucket(Bucket="guides")


def test_a_file_that_goes_missing_is_marked_and_unmarked_when_it_is_back(
    bucket, services, database, monkeypatch, log_lines
):
    files = Files("guides", url_life=services.config.download_url_seconds)
    magnets.check_files(replace(services, files=files))
    assert database.value("SELECT file_missing_since FROM lm_magnets") is not None
    assert '"event": "magnet_file_missing"' in "".join(log_lines())
    bucket.put_object(Bucket="guides", Key="guides/guide-mariee-sereine.pdf", Body=b"%PDF-")
    magnets.check_files(replace(services, files=files))
    assert database.value("SELECT file_missing_since FROM lm_magnets") is None


def test_a_bucket_that_does_not_answer_is_no_missing_file(monkeypatch, services):
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")
    files = Files("guides", url_life=services.config.download_url_seconds)
    with pytest.raises(StorageUnavailable):
        files.exists("key")


@pytest.mark.parametrize("session_token", ["", "of/a+role=="])
def test_the_signed_url_is_the_one_that_boto3_would_sign(monkeypatch, services, session_token):
    """Letter by letter, when both sign within the same second."""
    monkeypatch.setenv("AWS_SESSION_TOKEN", session_token)
    files = Files("guides", url_life=services.config.download_url_seconds)
    client = files._client
    for key, name in (("g.pdf", "Guide.pdf"), ("é à/g+%20&=?.pdf", 'Guide "été" ☂.pdf')):
        theirs = ours = ""
        while stamp(theirs) != stamp(ours) or not ours:
            ours = files.sign_url(key, name)
            theirs = client.generate_presigned_url(
                "get_object",
                Params={
                    "Bucket": "guides",
                    "Key": key,
                    "ResponseContentDisposition": parameter(ours, "response-content-disposition"),
                    "ResponseCacheControl": "private, no-store",
                },
                ExpiresIn=900,
            )
        assert ours == theirs


def role(refreshed, minutes):
    """A session of a role whose credentials live so many more minutes; `refreshed` renews them."""
    session = boto3.Session()
    metadata = temporary(minutes)
    session._session._credentials = RefreshableCredentials.create_from_metadata(
        metadata, refreshed, "assume-role"
    )
    return session


def temporary(minutes):
    ends = datetime.now(UTC) + timedelta(minutes=minutes)
    return {
        "access_key": "ASIA",
        "secret_key": "s",
        "token": "of-a-role",
        "expiry_time": ends.isoformat(),
    }


def denied():
    raise ClientError({"Error": {"Code": "AccessDenied"}}, "AssumeRole")


@pytest.mark.parametrize("minutes", [-1, 5])
@pytest.mark.parametrize("refreshed", [denied, lambda: temporary(-1)], ids=["denied", "stale"])
def test_a_role_that_dies_before_the_url_signs_none(refreshed, minutes):
    life = timedelta(minutes=15)
    with pytest.raises(FileUnavailable):
        Files("guides", url_life=life, session=role(refreshed, minutes)).sign_url("key", "name")


def test_a_role_that_can_be_refreshed_signs_with_what_it_got():
    session = role(lambda: temporary(60), 5)
    url = Files("guides", url_life=timedelta(minutes=15), session=session).sign_url("key", "name")
    assert parameter(url, "X-Amz-Security-Token") == "of-a-role"


def test_a_url_is_signed_for_the_region_of_its_bucket(services):
    arn = "arn:aws:s3:us-east-1:123456789012:accesspoint/guides"
    url = Files(arn, url_life=timedelta(minutes=15)).sign_url("key", "name")
    assert "/us-east-1/s3/aws4_request" in parameter(url, "X-Amz-Credential")


def parameter(url, name):
    return dict(parse_qsl(urlsplit(url).query)).get(name, "")


def stamp(url):
    return parameter(url, "X-Amz-Date")


def test_the_signed_url_downloads_the_private_file_under_its_name(bucket, services):
    import requests

    bucket.put_object(Bucket="guides", Key="g.pdf", Body=b"%PDF-1.7", ContentType="application/pdf")
    files = Files("guides", url_life=services.config.download_url_seconds)
    url = files.sign_url("g.pdf", "Guide été.pdf")
    answer = requests.get(url, timeout=30)
    assert answer.content == b"%PDF-1.7"
    assert "Guide%20%C3%A9t%C3%A9.pdf" in answer.headers["Content-Disposition"]
    unsigned = urlsplit(url)._replace(query="").geturl()
    assert requests.get(unsigned, timeout=30).status_code == 403


def test_the_magnets_that_are_offered_are_listed_in_the_language_asked_for(client, database):
    answer = client.get(f"{API}/magnets?locale=en")
    (magnet,) = answer.json["magnets"]
    assert magnet["slug"] == "guide-mariee-sereine"
    assert magnet["title"] == "The Serene Bride’s Guide"
    assert answer.headers["Cache-Control"] == "public, max-age=60"
    known = {"If-None-Match": answer.headers["ETag"]}
    again = client.get(f"{API}/magnets?locale=en", headers=known)
    assert (again.status_code, again.data) == (304, b"")
    database.rows("UPDATE lm_magnets SET retired_at = now()")
    assert client.get(f"{API}/magnets").json == {"magnets": []}


def test_a_magnet_without_texts_in_a_language_answers_in_one_that_has_them(client, database):
    database.rows("UPDATE lm_consent_texts SET retired_at = now() WHERE locale = 'en'")
    magnet = client.get(f"{API}/magnets/guide-mariee-sereine?locale=en").json
    assert magnet["locale"] == "fr"
    assert magnet["title"] == "Guide de la Mariée Sereine"
    assert {text["locale"] for text in magnet["consentTexts"]} == {"fr"}
