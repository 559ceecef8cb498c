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
from typing import Any
from urllib.parse import urlsplit

import boto3
import certifi
import urllib3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509 import verification
from cryptography.x509.oid import AuthorityInformationAccessOID

from leadmagnet.errors import SnsUntrusted, Unavailable

Message = Mapping[str, Any]
PublicKeyOf = Callable[[str, str, datetime], RSAPublicKey]
Fetch = Callable[[str], bytes]

# What is signed of each type, in this order; Subject only where it is present.
SIGNED = {
    "Notification": ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    "SubscriptionConfirmation": (
        *("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
    ),
}
SIGNED["UnsubscribeConfirmation"] = SIGNED["SubscriptionConfirmation"]
CERTIFICATE_PATH = re.compile(r"/SimpleNotificationService-[0-9a-f]{32}\.pem")
ISSUER_URL = re.compile(r"http://crt\.[a-z0-9]+\.amazontrust\.com/[a-z0-9]+\.cer")
MOST_BYTES = 64 * 1024
FETCH_SECONDS = 3.0
# SNS goes on trying for hours; its retries bear the first try's time.
OLDEST, NEWEST = timedelta(days=7), timedelta(minutes=15)


def verify(
    message: Message, *, topics: frozenset[str], public_key: PublicKeyOf, now: datetime
) -> None:
    """Raise SnsUntrusted unless AWS signed the message for one of our topics.

    `public_key(url, region, now)` is asked last: for a stranger's message no request leaves.
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
        public_key(url, region, now).verify(signature, _signed_text(message), PKCS1v15(), SHA256())
    except InvalidSignature:
        raise SnsUntrusted("signature") from None


def _is_certificate_url(url: str, region: str) -> bool:
    host = f"sns.{region}.amazonaws.com" + (".cn" if region.startswith("cn-") else "")
    prefix = f"https://{host}"
    return url.startswith(f"{prefix}/") and bool(CERTIFICATE_PATH.fullmatch(url[len(prefix) :]))


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
    """The public keys behind SigningCertURLs, a bounded number remembered; failures never are."""

    def __init__(self, fetch: Fetch, *, roots: list[x509.Certificate], most: int = 16) -> None:
        self._fetch = fetch
        self._store = verification.Store(roots)
        self._most = most
        self._known: OrderedDict[str, x509.Certificate] = OrderedDict()

    def public_key(self, url: str, region: str, now: datetime) -> RSAPublicKey:
        """The key of a certificate that is valid now. Raises Unavailable."""
        certificate = self._known.get(url)
        if certificate is None or now > certificate.not_valid_after_utc:
            certificate = self._verified(url, region, now)
            self._known[url] = certificate
            if len(self._known) > self._most:
                self._known.popitem(last=False)
        key = certificate.public_key()
        if not isinstance(key, RSAPublicKey):
            raise Unavailable("sns_certificate_key")
        return key

    def _verified(self, url: str, region: str, now: datetime) -> x509.Certificate:
        try:
            leaf, *others = x509.load_pem_x509_certificates(self._fetch(url))
            others = others or self._issuer(leaf)
            name = urlsplit(url).hostname or ""
            self._verify(leaf, others, (name, name.replace(f".{region}", "")), now)
        except (ValueError, urllib3.exceptions.HTTPError, x509.ExtensionNotFound) as error:
            raise Unavailable("sns_certificate") from error
        return leaf

    def _verify(
        self,
        leaf: x509.Certificate,
        others: list[x509.Certificate],
        names: tuple[str, ...],
        now: datetime,
    ) -> None:
        """Raise ValueError unless a root vouches for the certificate by one of the names."""
        for name in names:
            builder = verification.PolicyBuilder().store(self._store).time(now)
            try:
                builder.build_server_verifier(x509.DNSName(name)).verify(leaf, others)
            except verification.VerificationError:
                continue
            return
        raise ValueError("untrusted certificate")

    def _issuer(self, leaf: x509.Certificate) -> list[x509.Certificate]:
        """The intermediate that signed a certificate which comes alone, from Amazon's own CA."""
        access = leaf.extensions.get_extension_for_class(x509.AuthorityInformationAccess).value
        urls = [
            each.access_location.value
            for each in access
            if each.access_method == AuthorityInformationAccessOID.CA_ISSUERS
        ]
        trusted = [url for url in urls if ISSUER_URL.fullmatch(url)]
        return [x509.load_der_x509_certificate(self._fetch(url)) for url in trusted]


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


def roots() -> list[x509.Certificate]:
    """The roots of Amazon Trust Services, as certifi lists them: nobody else vouches for SNS."""
    blocks = certifi.contents().split("# Issuer: ")[1:]
    ours = [block for block in blocks if block.startswith("CN=Amazon Root CA ")]
    return [x509.load_pem_x509_certificate(block.encode()) for block in ours]


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
