"""Amazon S3: signed URLs for the guide, made without a network call, and a look at the bucket."""

from __future__ import annotations

import unicodedata
from base64 import b64encode
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from functools import cached_property, lru_cache
from hashlib import sha256
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, quote, urlsplit

import boto3
from botocore.auth import S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from leadmagnet.adapters import account
from leadmagnet.errors import FileUnavailable, StorageUnavailable

PIECE = 2**20


class Place(NamedTuple):
    """Where a file is, and what its requests are signed for."""

    url: str
    parameters: dict[str, str]
    region: str
    service: str


class Form(NamedTuple):
    """What uploads a file: to be posted as multipart/form-data, the file last."""

    url: str
    fields: dict[str, str]
    seconds: int


class Stored(NamedTuple):
    """An object of the bucket; the pieces can be read once."""

    etag: str
    pieces: Iterator[bytes]


class Files:
    """The files of one private bucket."""

    def __init__(
        self, bucket: str, *, url_life: timedelta, session: boto3.Session | None = None
    ) -> None:
        self._bucket = bucket
        self._seconds = int(url_life.total_seconds())
        self._given_session = session
        # A client takes longer to find out where a file is, each time, than to sign that.
        self._place = lru_cache(maxsize=100)(self._find)

    def prepare(self) -> Files:
        """Make the client now: it takes a tenth of a second, which no visitor should wait, and no
        command that needs no file."""
        _ = self._client
        return self

    @cached_property
    def _session(self) -> boto3.Session:
        return self._given_session or account.session()

    @cached_property
    def _client(self) -> Any:
        # Virtual addressing names the bucket's own region in the host; the global host, which is
        # the default, redirects for young buckets and so breaks the signature.
        config = Config(
            signature_version="s3v4",
            s3={"addressing_style": "virtual"},
            connect_timeout=3,
            read_timeout=5,
            retries={"total_max_attempts": 1},
        )
        return account.client("s3", config, of=self._session)

    def sign_url(self, key: str, file_name: str) -> str:
        """A URL that downloads the file under its name, until its life has passed (SigV4).

        Raises FileUnavailable when there are no credentials, or they die before the URL would.
        """
        try:
            place = self._place(key, file_name)
            credentials = self._session.get_credentials()
            if credentials is None:
                raise FileUnavailable
            frozen = credentials.get_frozen_credentials()
        # botocore's word for a role that may not be taken on any more, and for one that comes
        # back as old as it was.
        except (BotoCoreError, ClientError, RuntimeError) as error:
            raise FileUnavailable from error
        # A URL signed with a role's credentials dies with them: by now they are fresh or could not
        # be refreshed.
        refresh_needed = getattr(credentials, "refresh_needed", None)
        if refresh_needed and refresh_needed(self._seconds):
            raise FileUnavailable
        request = AWSRequest("GET", place.url, params=dict(place.parameters))
        signer = S3SigV4QueryAuth(frozen, place.service, place.region, expires=self._seconds)
        signer.add_auth(request)
        return str(request.url)

    def _find(self, key: str, file_name: str) -> Place:
        signed = urlsplit(
            self._client.generate_presigned_url(
                "get_object",
                Params={
                    "Bucket": self._bucket,
                    "Key": key,
                    "ResponseContentDisposition": _attachment(file_name),
                    "ResponseCacheControl": "private, no-store",
                },
            )
        )
        query = dict(parse_qsl(signed.query))
        _, _, region, service, _ = query["X-Amz-Credential"].rsplit("/", 4)
        own = {name: value for name, value in query.items() if not name.startswith("X-Amz-")}
        return Place(signed._replace(query="").geturl(), own, region, service)

    def put(self, key: str, data: bytes) -> None:
        """Store a PDF; S3 verifies its SHA-256. Raises StorageUnavailable."""
        with _answering():
            self._client.put_object(
                Bucket=self._bucket,
                Key=key,
                Body=data,
                ContentType="application/pdf",
                ChecksumSHA256=_checksum(data),
            )

    def exists(self, key: str) -> bool:
        """Whether the object is there. Raises StorageUnavailable when S3 cannot say."""
        with _answering():
            try:
                self._client.head_object(Bucket=self._bucket, Key=key)
            except ClientError as error:
                if not _is_missing(error):
                    raise
                return False
        return True

    def upload_form(self, key: str, *, most_bytes: int) -> Form:
        """Where and with which fields a PDF may be posted under this key (a presigned POST), for
        as long as a URL lives. No network call. Raises StorageUnavailable."""
        kind = {"Content-Type": "application/pdf"}
        with _answering():
            signed = self._client.generate_presigned_post(
                self._bucket,
                key,
                Fields=dict(kind),
                Conditions=[kind, ["content-length-range", 1, most_bytes]],
                ExpiresIn=self._seconds,
            )
        return Form(signed["url"], signed["fields"], self._seconds)

    def read(self, key: str) -> Stored | None:
        """A stored object, piece by piece; None where there is none. Raises StorageUnavailable,
        also while it is read."""
        with _answering():
            try:
                found = self._client.get_object(Bucket=self._bucket, Key=key)
            except ClientError as error:
                if not _is_missing(error):
                    raise
                return None
        return Stored(found["ETag"], _pieces(found["Body"]))

    def copy(self, source: str, target: str, *, etag: str) -> None:
        """Store what was read under another key, too, unless it has been replaced since.
        Raises StorageUnavailable."""
        with _answering():
            self._client.copy_object(
                Bucket=self._bucket,
                Key=target,
                CopySource={"Bucket": self._bucket, "Key": source},
                CopySourceIfMatch=etag,
                MetadataDirective="REPLACE",
                ContentType="application/pdf",
            )


@contextmanager
def _answering() -> Iterator[None]:
    """S3 refuses or does not answer: StorageUnavailable, with the reason."""
    try:
        yield
    except (BotoCoreError, ClientError) as error:
        response = getattr(error, "response", {})
        reason = response.get("Error", {}).get("Code") or type(error).__name__
        raise StorageUnavailable(reason) from error


def _is_missing(error: ClientError) -> bool:
    return bool(error.response["ResponseMetadata"]["HTTPStatusCode"] == 404)


def _pieces(body: Any) -> Iterator[bytes]:
    with closing(body), _answering():
        yield from body.iter_chunks(PIECE)


def _checksum(data: bytes) -> str:
    return b64encode(sha256(data).digest()).decode()


def _attachment(file_name: str) -> str:
    """RFC 6266: an ASCII name for old clients, the real one for all others."""
    plain = unicodedata.normalize("NFKD", file_name).encode("ascii", "ignore").decode()
    plain = plain.replace('"', "'").strip() or "file"
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(file_name, safe='')}"
