"""The bucket's and the guides' preconditions, each broken."""

from __future__ import annotations

import re

import pytest
import requests
from botocore.stub import Stubber

from leadmagnet.doctor.file import BLOCKS
from tests.doctor.conftest import BUCKET, PDF

SIGNED = re.compile(r".*/guides/.*X-Amz-Signature=.*")


def stubbed(clients, *, versioning="Enabled", **blocks):
    stubber = Stubber(clients.s3)
    config = dict.fromkeys(BLOCKS, True) | blocks
    stubber.add_response(
        "get_public_access_block", {"PublicAccessBlockConfiguration": config}, {"Bucket": BUCKET}
    )
    stubber.add_response("get_bucket_versioning", {"Status": versioning}, {"Bucket": BUCKET})
    return stubber


def test_a_private_bucket_with_its_guide_is_well(look, clients, web):
    web.get(SIGNED, body=PDF, status=206)
    for check in ("privacy", "versions", "offer", "download"):
        with stubbed(clients):
            assert look("file", check).verdict == "ok", check


def test_a_bucket_that_blocks_only_in_part_is_told(look, clients, web):
    with stubbed(clients, RestrictPublicBuckets=False):
        found = look("file", "privacy")
    assert found.verdict == "fail"
    assert found.fix.startswith(f"aws s3api put-public-access-block --bucket {BUCKET}")


def test_a_bucket_that_blocks_nothing_is_told(look, clients, web):
    stubber = Stubber(clients.s3)
    stubber.add_client_error("get_public_access_block", "NoSuchPublicAccessBlockConfiguration")
    stubber.add_response("get_bucket_versioning", {})
    with stubber:
        found = look("file", "privacy")
    assert (found.verdict, found.said) == ("fail", "the bucket does not block public access")


def test_a_bucket_that_is_not_there_is_told_as_that(look, clients, web):
    web.get(SIGNED, body="<Error><Code>NoSuchBucket</Code></Error>", status=404)
    for check, verdict in {"privacy": "fail", "versions": "skipped", "download": "skipped"}.items():
        stubber = Stubber(clients.s3)
        stubber.add_client_error("get_public_access_block", "NoSuchBucket")
        stubber.add_client_error("get_bucket_versioning", "NoSuchBucket")
        with stubber:
            found = look("file", check)
        assert found.verdict == verdict
        if check == "privacy":
            assert found.said == f"there is no bucket {BUCKET}"
            assert found.fix.startswith("S3_BUCKET=")


def test_versioning_that_is_off_is_told(look, clients, web):
    with stubbed(clients, versioning="Suspended"):
        assert look("file", "versions").verdict == "warn"


def test_a_right_that_is_missing_is_named(look, clients, web):
    stubber = Stubber(clients.s3)
    stubber.add_client_error("get_public_access_block", "AccessDenied")
    stubber.add_client_error("get_bucket_versioning", "AccessDenied")
    with stubber:
        found = look("file", "privacy")
    assert found.verdict == "skipped"
    assert "s3:GetBucketPublicAccessBlock" in found.said


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"status": 404}, "is not there (404)"),
        ({"status": 403}, "S3 refuses the file"),
        ({"status": 200, "body": b"<html>"}, "is no PDF"),
        ({"body": requests.exceptions.SSLError()}, "its certificate is not accepted"),
        ({"body": requests.exceptions.ReadTimeout()}, "no answer in time"),
    ],
)
def test_a_guide_that_cannot_be_downloaded_is_told(look, web, answer, said):
    web.get(SIGNED, **answer)
    found = look("file", "download")
    assert found.verdict == "fail"
    assert said in found.said
    assert "Signature" not in found.said + found.fix


def test_a_magnet_without_texts_and_none_at_all_are_told(look, database, web):
    web.get(SIGNED, body=PDF)
    database.rows("UPDATE lm_consent_texts SET retired_at = now()")
    assert look("file", "offer").fix.startswith("leadmagnet texts add --magnet guide-mariee")
    database.rows("UPDATE lm_magnets SET retired_at = now()")
    assert look("file", "offer").said == "no magnet is offered"
    assert look("file", "download").verdict == "skipped"
