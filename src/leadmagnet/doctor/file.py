"""The guides: a private bucket, and each magnet's PDF downloads by a URL like a visitor's."""

from __future__ import annotations

from leadmagnet.adapters.inspection import NotFound
from leadmagnet.adapters.pages import NoAnswer
from leadmagnet.database import Row
from leadmagnet.doctor.findings import Check, Finding, Skip, Surroundings, fail, ok, warn
from leadmagnet.errors import FileUnavailable
from leadmagnet.funnel import magnets

BLOCKS = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")


def private(given: Surroundings) -> Finding:
    bucket = given.services.config.s3_bucket
    try:
        block = given.aws.public_access_block(bucket)
    except NotFound:
        return fail(
            f"there is no bucket {bucket}",
            "S3_BUCKET=… (from the outputs of deploy/aws/template.yaml)",
        )
    if all(block.get(name) for name in BLOCKS):
        return ok("the bucket blocks all public access")
    wanted = ",".join(f"{name}=true" for name in BLOCKS)
    return fail(
        "the bucket does not block public access",
        f"aws s3api put-public-access-block --bucket {bucket}"
        f" --public-access-block-configuration {wanted}",
    )


def versions(given: Surroundings) -> Finding:
    bucket = given.services.config.s3_bucket
    if given.aws.versioning(bucket):
        return ok("versioning is on")
    return warn(
        "versioning is off: a deleted guide is gone",
        f"aws s3api put-bucket-versioning --bucket {bucket}"
        " --versioning-configuration Status=Enabled",
    )


def offer(given: Surroundings) -> Finding:
    offered = _offered(given)
    if not offered:
        return fail("no magnet is offered", "leadmagnet magnets add --help")
    without = [row["slug"] for row in offered if not row["texts"]]
    if without:
        return fail(
            f"{without[0]} has no consent text: signups for it are impossible",
            f"leadmagnet texts add --magnet {without[0]} --help",
        )
    return ok(f"{_count(len(offered), 'magnet')} with consent texts")


def download(given: Surroundings) -> Finding:
    offered = _offered(given)
    if not offered:
        raise Skip("no magnet is offered")
    for row in offered:
        if problem := _problem(given, row):
            return problem
    return ok(f"{_count(len(offered), 'PDF')} by a signed URL")


def _problem(given: Surroundings, row: Row) -> Finding | None:
    slug = row["slug"]
    put = f"leadmagnet magnets put {slug} guide.pdf"
    try:
        url = given.services.files.sign_url(row["s3_key"], row["file_name"])
        page = given.pages.get(url, headers={"Range": "bytes=0-1023"})
    except FileUnavailable:
        return fail("no URL can be signed", "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
    except NoAnswer as error:
        return fail(f"S3 does not answer: {error}", "look at the network between here and S3")
    if page.status == 403:
        return fail(
            f"S3 refuses the file of {slug} (403): no right to it, a wrong clock, or no such file",
            f"attach ServePolicy of deploy/aws/template.yaml; if that is so, {put}",
        )
    if b"<Code>NoSuchBucket</Code>" in page.body:
        raise Skip("there is no such bucket")
    if page.status not in (200, 206):
        return fail(f"the file of {slug} is not there ({page.status})", put)
    if not page.body.startswith(b"%PDF-"):
        return fail(f"the file of {slug} is no PDF", put)
    return None


def _offered(given: Surroundings) -> list[Row]:
    rows = magnets.listed(given.services.database)
    return [row for row in rows if row["state"] in ("offered", "file_missing")]


def _count(number: int, noun: str) -> str:
    return f"1 {noun}" if number == 1 else f"{number} {noun}s"


CHECKS: dict[str, Check] = {
    "privacy": private,
    "versions": versions,
    "offer": offer,
    "download": download,
}
