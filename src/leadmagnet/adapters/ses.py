"""Amazon SES, API version 2: hands over one mail, and says in our words what became of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
)


@dataclass(frozen=True, kw_only=True)
class Mail:
    """One mail as SES takes it: plain text and HTML; SES builds the MIME."""

    sender: str
    to: str
    subject: str
    text: str
    html: str
    headers: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    configuration_set: str


class NotSent(Exception):
    """SES did not take the mail. `reason` is a word, never the provider's text."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Throttled(NotSent):
    """Too fast or over the day's quota: wait, it is not the mail's fault."""


class Unreachable(NotSent):
    """No answer or a 5xx, and the mail was surely not taken: try again later."""


class Unknown(NotSent):
    """The request went out and no whole answer came: SES may have taken the mail."""


class Rejected(NotSent):
    """SES refuses this very mail, and always will."""


class Paused(NotSent):
    """The account, identity, set-up or credentials are at fault: no mail can go now."""


_THROTTLED = {
    "TooManyRequestsException",
    "ThrottlingException",
    "Throttling",
    "LimitExceededException",
}
_REJECTED = {"MessageRejected", "BadRequestException", "ValidationException"}


class Mailer:
    """Sends mails through one SES account and region."""

    def __init__(self, *, connections: int = 1) -> None:
        # No retries of boto3's own: SES has no idempotency key, and a retry after a late answer
        # sends the mail again (seen: three times).
        self._client: Any = boto3.client(
            "sesv2",
            config=Config(
                connect_timeout=5,
                read_timeout=15,
                retries={"total_max_attempts": 1},
                max_pool_connections=connections,
            ),
        )

    def send(self, mail: Mail) -> str:
        """Hand the mail over and return SES's message id. Raises a kind of NotSent."""
        try:
            answer = self._client.send_email(**_request(mail))
        except ClientError as error:
            raise _refusal(error) from None
        except (EndpointConnectionError, ConnectTimeoutError):
            raise Unreachable("connection_failed") from None
        except BotoCoreError as error:
            if (
                error.__class__.__module__ == "botocore.exceptions"
                and "Credential" in type(error).__name__
            ):
                raise Paused("credentials") from None
            raise Unknown(type(error).__name__) from None
        return str(answer["MessageId"])


def _request(mail: Mail) -> dict[str, Any]:
    return {
        "FromEmailAddress": mail.sender,
        "Destination": {"ToAddresses": [mail.to]},
        "Content": {
            "Simple": {
                "Subject": {"Data": mail.subject, "Charset": "UTF-8"},
                "Body": {
                    "Text": {"Data": mail.text, "Charset": "UTF-8"},
                    "Html": {"Data": mail.html, "Charset": "UTF-8"},
                },
                "Headers": [{"Name": name, "Value": value} for name, value in mail.headers.items()],
            }
        },
        "EmailTags": [{"Name": name, "Value": value} for name, value in mail.tags.items()],
        "ConfigurationSetName": mail.configuration_set,
    }


def _refusal(error: ClientError) -> NotSent:
    """Our word for what SES answered (SES API v2, SendEmail, Errors)."""
    code = str(error.response["Error"].get("Code", ""))
    status = int(error.response["ResponseMetadata"]["HTTPStatusCode"])
    if code in _THROTTLED or status == 429:
        return Throttled("throttled")
    if status >= 500:
        return Unreachable(f"status_{status}")
    # The one MessageRejected that is about us: sender or, in the sandbox, recipient not verified.
    verified = "not verified" not in str(error.response["Error"].get("Message", ""))
    if code in _REJECTED and verified:
        return Rejected(code)
    return Paused(code or f"status_{status}")
