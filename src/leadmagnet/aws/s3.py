"""Amazon S3: signed URLs for the guide, made without a network call, and a look at the bucket."""

from __future__ import annotations

import unicodedata
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import boto3
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
        self._client: Any = self._session.client(
            "s3",
            config=Config(
                signature_version="s3v4",
                s3={"addressing_style": "virtual"},
                connect_timeout=3,
                read_timeout=5,
                retries={"total_max_attempts": 1},
            ),
        )

    def sign_url(self, key: str, file_name: str) -> str:
        """A URL that downloads the file under its name, until its life has passed (SigV4).

        Raises FileUnavailable when there are no credentials, or they die before the URL would.
        """
        try:
            credentials = self._session.get_credentials()
            refresh_needed = getattr(credentials, "refresh_needed", None)
            url: str = self._client.generate_presigned_url(
                "get_object",
                Params={
                    "Bucket": self._bucket,
                    "Key": key,
                    "ResponseContentDisposition": _attachment(file_name),
                    "ResponseCacheControl": "private, no-store",
                },
                ExpiresIn=self._seconds,
            )
            # A URL signed with a role's credentials dies with them: after signing they are fresh
            # or could not be refreshed.
            if refresh_needed and refresh_needed(self._seconds):
                raise FileUnavailable
        except BotoCoreError as error:
            raise FileUnavailable from error
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
