"""Amazon SNS: proves that a message is AWS's and for one of our topics, before it is believed.

The rules are those of "Verifying the signatures of Amazon SNS messages" (SNS developer guide).
"""

from __future__ import annotations

import re
import time
from base64 import b64decode
from collections import OrderedDict
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import cache
from threading import Lock
from typing import Any, TypeVar

import boto3
import certifi
import urllib3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.loaders import Loader
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256

from leadmagnet.errors import SnsUntrusted, Unavailable

Message = Mapping[str, Any]
PublicKeyOf = Callable[[str, datetime], RSAPublicKey]
Fetch = Callable[[str], bytes]
Kept = TypeVar("Kept")

# What is signed of each type, in this order; Subject only where it is present.
SIGNED = {
    "Notification": ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    "SubscriptionConfirmation": (
        *("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
    ),
}
SIGNED["UnsubscribeConfirmation"] = SIGNED["SubscriptionConfirmation"]
CERTIFICATE_PATH = re.compile(r"/SimpleNotificationService-[0-9a-f]{32}\.pem")
MOST_BYTES = 64 * 1024
FETCH_SECONDS = 3.0
# A URL that could not be fetched is not asked for again so soon: SNS itself waits longer.
FAILURE_SECONDS = 10.0
# For the certificate that another message of the same burst is fetching.
WAIT_SECONDS = 0.5
# SNS goes on trying for hours; its retries bear the first try's time.
OLDEST, NEWEST = timedelta(days=7), timedelta(minutes=15)


def verify(
    message: Message, *, topics: frozenset[str], public_key: PublicKeyOf, now: datetime
) -> None:
    """Raise SnsUntrusted unless AWS signed the message for one of our topics.

    `public_key(url, now)` is asked last: for a stranger's message no request leaves.
    Raises Unavailable when the certificate cannot be had or is none.
    """
    topic = message["TopicArn"]
    if topic not in topics:
        raise SnsUntrusted("topic")
    if message.get("SignatureVersion") != "2":
        raise SnsUntrusted("signature_version")
    region = topic.split(":")[3]
    url = message.get("SigningCertURL")
    if not isinstance(url, str) or not _is_certificate_url(url, region):
        raise SnsUntrusted("certificate_url")
    signature = _decoded(message.get("Signature"))
    if not now - OLDEST < _time(message["Timestamp"]) < now + NEWEST:
        raise SnsUntrusted("timestamp")
    try:
        public_key(url, now).verify(signature, _signed_text(message), PKCS1v15(), SHA256())
    except InvalidSignature:
        raise SnsUntrusted("signature") from None


def _is_certificate_url(url: str, region: str) -> bool:
    prefix = f"https://{host_of(region)}"
    return url.startswith(f"{prefix}/") and bool(CERTIFICATE_PATH.fullmatch(url[len(prefix) :]))


@cache
def host_of(region: str) -> str:
    """SNS's host in a region, by botocore's own table of AWS's partitions: China's and the European
    sovereign cloud's end in other domains. Raises SnsUntrusted for any other region."""
    for partition in Loader().load_data("partitions")["partitions"]:
        if re.fullmatch(partition["regionRegex"], region):
            return f"sns.{region}.{partition['outputs']['dnsSuffix']}"
    raise SnsUntrusted("region")


def _decoded(signature: Any) -> bytes:
    try:
        return b64decode(signature, validate=True) or b"none"
    except (ValueError, TypeError):
        raise SnsUntrusted("signature") from None


def _time(text: str) -> datetime:
    try:
        return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%f%z")
    except ValueError:
        raise SnsUntrusted("timestamp") from None


def _signed_text(message: Message) -> bytes:
    names = SIGNED[message["Type"]]
    return "".join(f"{name}\n{message[name]}\n" for name in names if name in message).encode()


class Certificates:
    """The public keys behind SigningCertURLs, a bounded number remembered.

    TLS to SNS's own host vouches for them (docs/decisions says why). The topic's
    name is no secret, so that a stranger can name certificates that do not exist: one is fetched at
    a time, and after a failure neither that URL nor anything else that network names for a while.
    SNS repeats what gets a 503.
    """

    def __init__(
        self, fetch: Fetch, *, most: int = 16, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._fetch = fetch
        self._most = most
        self._clock = clock
        self._known: OrderedDict[str, x509.Certificate] = OrderedDict()
        self._failed: OrderedDict[str, float] = OrderedDict()
        self._fetching = Lock()

    def public_key(self, url: str, now: datetime, *, network: str) -> RSAPublicKey:
        """The key of a certificate that is valid now. Raises Unavailable."""
        certificate = self._known.get(url)
        if certificate is None or now > certificate.not_valid_after_utc:
            certificate = self._fetched(url, now, network)
        key = certificate.public_key()
        if not isinstance(key, RSAPublicKey):
            raise Unavailable("sns_certificate_key")
        return key

    def _fetched(self, url: str, now: datetime, network: str) -> x509.Certificate:
        self._refuse_failed(url, network)
        if not self._fetching.acquire(timeout=WAIT_SECONDS):
            raise Unavailable("sns_certificate_busy")
        try:
            if url in self._known and now < self._known[url].not_valid_after_utc:
                return self._known[url]
            self._refuse_failed(url, network)
            certificate = x509.load_pem_x509_certificate(self._fetch(url))
            if not certificate.not_valid_before_utc < now < certificate.not_valid_after_utc:
                raise ValueError("out of date")
        except (ValueError, urllib3.exceptions.HTTPError) as error:
            for failed in (url, network):
                _keep(self._failed, failed, self._clock() + FAILURE_SECONDS, most=1000)
            raise Unavailable("sns_certificate") from error
        finally:
            self._fetching.release()
        _keep(self._known, url, certificate, most=self._most)
        return certificate

    def _refuse_failed(self, url: str, network: str) -> None:
        if self._clock() < max(self._failed.get(url, 0.0), self._failed.get(network, 0.0)):
            raise Unavailable("sns_certificate_failed_before")


def _keep(kept: OrderedDict[str, Kept], key: str, value: Kept, *, most: int) -> None:
    kept[key] = value
    kept.move_to_end(key)
    if len(kept) > most:
        kept.popitem(last=False)


def fetch(url: str, *, pool: urllib3.PoolManager | None = None) -> bytes:
    """A small file by one request, no redirect, within seconds. Raises urllib3's HTTPError."""
    pool = pool or urllib3.PoolManager(cert_reqs="CERT_REQUIRED", ca_certs=certifi.where())
    timeout = urllib3.Timeout(connect=1.5, read=1.5, total=FETCH_SECONDS)
    answer = pool.request(
        "GET", url, timeout=timeout, retries=False, redirect=False, preload_content=False
    )
    try:
        if answer.status != 200:
            raise urllib3.exceptions.HTTPError(f"status {answer.status}")
        data, deadline = b"", time.monotonic() + FETCH_SECONDS
        # Piece by piece, for one that drips would outlast any timeout of a single read.
        while piece := answer.read1(4096):
            data += piece
            if len(data) > MOST_BYTES or time.monotonic() > deadline:
                raise urllib3.exceptions.HTTPError("too large or too slow")
    finally:
        answer.close()
    return data


def confirm_sns_topic(topic: str, token: str) -> None:
    """Accept a subscription through SNS's API; the message's SubscribeURL is never fetched.

    Raises Unavailable.
    """
    config = Config(connect_timeout=2, read_timeout=3, retries={"total_max_attempts": 1})
    try:
        client = boto3.client("sns", region_name=topic.split(":")[3], config=config)
        client.confirm_subscription(TopicArn=topic, Token=token)
    except (BotoCoreError, ClientError) as error:
        raise Unavailable("sns_confirm") from error
