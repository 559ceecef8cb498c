"""Amazon S3: signed URLs for the guide, made without a network call, and a look at the bucket."""

from __future__ import annotations

import unicodedata
from datetime import timedelta
from functools import lru_cache
from typing import Any
from urllib.parse import quote

import boto3
from botocore import UNSIGNED
from botocore.auth import S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from leadmagnet.errors import FileUnavailable


class Files:
    """The files of one private bucket."""

    def __init__(self, bucket: str, *, url_life: timedelta) -> None:
        self._bucket = bucket
        self._seconds = int(url_life.total_seconds())
        self._session = boto3.Session()
        # Virtual addressing names the bucket's own region in the host; the global host, which is
        # the default, redirects for young buckets and so breaks the signature.
        config = Config(
            signature_version="s3v4",
            s3={"addressing_style": "virtual"},
            connect_timeout=3,
            read_timeout=5,
            retries={"total_max_attempts": 1},
        )
        self._client: Any = self._session.client("s3", config=config)
        # A client takes longer to find out where a file is, each time, than to sign that.
        unsigned = config.merge(Config(signature_version=UNSIGNED))
        self._unsigned_client: Any = self._session.client("s3", config=unsigned)
        self._unsigned_url = lru_cache(maxsize=100)(self._find_url)

    def sign_url(self, key: str, file_name: str) -> str:
        """A URL that downloads the file under its name, until its life has passed (SigV4).

        Raises FileUnavailable when there are no credentials, or they die before the URL would.
        """
        try:
            credentials = self._session.get_credentials()
            if credentials is None:
                raise FileUnavailable
            frozen = credentials.get_frozen_credentials()
            # A URL signed with a role's credentials dies with them: now they are fresh or could
            # not be refreshed.
            refresh_needed = getattr(credentials, "refresh_needed", None)
            if refresh_needed and refresh_needed(self._seconds):
                raise FileUnavailable
            request = AWSRequest("GET", self._unsigned_url(key, file_name))
            region = self._client.meta.region_name
            S3SigV4QueryAuth(frozen, "s3", region, expires=self._seconds).add_auth(request)
        except BotoCoreError as error:
            raise FileUnavailable from error
        return str(request.url)

    def _find_url(self, key: str, file_name: str) -> str:
        url: str = self._unsigned_client.generate_presigned_url(
            "get_object",
            Params={
                "Bucket": self._bucket,
                "Key": key,
                "ResponseContentDisposition": _attachment(file_name),
                "ResponseCacheControl": "private, no-store",
            },
        )
        return url

    def exists(self, key: str) -> bool:
        """Whether the object is there. Raises FileUnavailable when S3 cannot say."""
        try:
            self._client.head_object(Bucket=self._bucket, Key=key)
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] == 404:
                return False
            raise FileUnavailable from error
        except BotoCoreError as error:
            raise FileUnavailable from error
        return True


def _attachment(file_name: str) -> str:
    """RFC 6266: an ASCII name for old clients, the real one for all others."""
    plain = unicodedata.normalize("NFKD", file_name).encode("ascii", "ignore").decode()
    plain = plain.replace('"', "'").strip() or "file"
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(file_name, safe='')}"
