"""A certificate authority of our own that signs as Amazon SNS does."""

from __future__ import annotations

import json
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import (
    ExtendedKeyUsageOID,
    NameOID,
)

from leadmagnet.adapters.sns import SIGNED

TOPIC = "arn:aws:sns:eu-west-3:123456789012:leadmagnet-ses-events"
HOST = "https://sns.eu-west-3.amazonaws.com"
CERTIFICATE_URL = f"{HOST}/SimpleNotificationService-0123456789abcdef0123456789abcdef.pem"


class Authority:
    def __init__(self, host: str = "sns.eu-west-3.amazonaws.com", **leaf: Any) -> None:
        self.root_key = generate_private_key(65537, 2048)
        self.root = self._certificate("Our root", self.root_key, None, ca=True)
        self.key = generate_private_key(65537, 2048)
        self.leaf = self._certificate(host, self.key, self.root, ca=False, **leaf)

    @property
    def pem(self) -> bytes:
        """The leaf and, as an intermediate, the root."""
        both = (self.leaf, self.root)
        return b"".join(each.public_bytes(Encoding.PEM) for each in both)

    def _certificate(
        self,
        name: str,
        key: RSAPrivateKey,
        issuer: x509.Certificate | None,
        *,
        ca: bool,
        starts: datetime | None = None,
        life: timedelta = timedelta(days=90),
    ) -> x509.Certificate:
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        starts = starts or datetime.now(UTC) - timedelta(days=1)
        root_identifier = x509.SubjectKeyIdentifier.from_public_key(self.root_key.public_key())
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer.subject if issuer else subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(starts)
            .not_valid_after(starts + life)
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(root_identifier),
                False,
            )
            .add_extension(_usage(ca), critical=True)
        )
        if not ca:
            names = x509.SubjectAlternativeName([x509.DNSName(name)])
            usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
            builder = builder.add_extension(names, False).add_extension(usage, False)
        return builder.sign(self.root_key, SHA256())

    def message(self, payload: Any, **changes: Any) -> dict[str, Any]:
        """A notification as SNS posts it; changes are made before it is signed."""
        text = payload if isinstance(payload, str) else json.dumps(payload)
        message = {
            "Type": "Notification",
            "MessageId": str(uuid4()),
            "TopicArn": TOPIC,
            "Message": text,
            "Timestamp": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z",
            "SignatureVersion": "2",
            "SigningCertURL": CERTIFICATE_URL,
            "UnsubscribeURL": f"{HOST}/?Action=Unsubscribe",
        } | changes
        return message | {"Signature": self.signature(message)}

    def signature(self, message: dict[str, Any], version: str = "2") -> str:
        names = SIGNED.get(message["Type"], SIGNED["Notification"])
        text = "".join(f"{name}\n{message[name]}\n" for name in names if name in message)
        algorithm = SHA256() if version == "2" else SHA1()
        return b64encode(self.key.sign(text.encode(), PKCS1v15(), algorithm)).decode()


def _usage(ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=ca,
        crl_sign=ca,
        encipher_only=False,
        decipher_only=False,
    )
