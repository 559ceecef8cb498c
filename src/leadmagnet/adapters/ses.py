"""Amazon SES, API version 2: hands over one mail, and says in our words what became of it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from botocore.config import Config
from botocore.exceptions import ClientError, ConnectTimeoutError, EndpointConnectionError

from leadmagnet.adapters import account
from leadmagnet.adapters.deadline import Call, cut_when_overdue

CONNECT_SECONDS = 3


@dataclass(frozen=True, kw_only=True)
class Mail:
    """One mail as SES takes it: plain text and HTML; SES builds the MIME."""

    sender: str
    reply_to: str | None = None
    to: str
    subject: str
    text: str
    html: str
    headers: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    configuration_set: str


class NotSent(Exception):
    """SES did not take the mail. `reason` is a word, for logs; `sentence` what SES said, for the
    operator, without any address."""

    def __init__(self, reason: str, sentence: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.sentence = sentence


class Throttled(NotSent):
    """Too fast or over the day's quota: wait, it is not the mail's fault."""


class Unreachable(NotSent):
    """No answer or a 5xx, and the mail was surely not taken: try again later."""


class Unknown(NotSent):
    """The request went out and no answer came that we understand: SES may have taken the mail."""


class Unrecognised(NotSent):
    """A refusal that SES's API does not name, perhaps of a proxy: try again later."""


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
# SES API v2, SendEmail, Errors; and the errors common to all of AWS.
_ACCOUNT = {
    *("AccountSuspendedException", "SendingPausedException", "NotFoundException"),
    *("MailFromDomainNotVerifiedException", "AccessDeniedException", "AccessDenied"),
    *("UnrecognizedClientException", "InvalidClientTokenId", "InvalidAccessKeyId"),
    *("ExpiredTokenException", "ExpiredToken", "RequestExpired", "OptInRequired"),
    *("SignatureDoesNotMatch", "InvalidSignatureException", "IncompleteSignature"),
    *("MissingAuthenticationToken", "MissingAuthenticationTokenException", "NotAuthorized"),
}


class Mailer:
    """Sends mails through one SES account and region, from as many threads as `connections`."""

    def __init__(self, *, seconds: float = 20, connections: int = 1) -> None:
        self._seconds = seconds
        # No retries of boto3's own: SES has no idempotency key, and a retry after a late answer
        # sends the mail again (seen: three times).
        self._client: Any = account.client(
            "sesv2",
            Config(
                connect_timeout=min(CONNECT_SECONDS, seconds),
                read_timeout=seconds,
                retries={"total_max_attempts": 1},
                max_pool_connections=connections,
            ),
        )
        cut_when_overdue(self._client)

    def send(self, mail: Mail) -> str:
        """Hand the mail over and return SES's message id. Raises a kind of NotSent."""
        call = Call(self._seconds)
        try:
            with call:
                answer = self._client.send_email(**_request(mail))
            return str(answer["MessageId"])
        except ClientError as error:
            raise _refusal(error) from None
        except (EndpointConnectionError, ConnectTimeoutError):
            raise Unreachable("connection_failed") from None
        except Exception as error:  # botocore raises anything at an answer it does not understand
            raise _no_answer(error, call) from None


def _request(mail: Mail) -> dict[str, Any]:
    reply_to = {"ReplyToAddresses": [mail.reply_to]} if mail.reply_to else {}
    return {
        **reply_to,
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
    """Our word for what SES answered."""
    status = int(error.response["ResponseMetadata"]["HTTPStatusCode"])
    code = str(error.response["Error"].get("Code", ""))
    message = str(error.response["Error"].get("Message", ""))
    if not re.fullmatch(r"[A-Z][A-Za-z]{2,60}", code):
        code = f"status_{status}"
    sentence = _without_addresses(message)
    if code in _THROTTLED or status == 429:
        return Throttled("throttled", sentence)
    if status >= 500:
        return Unreachable(f"status_{status}", sentence)
    # The one MessageRejected that is about us: sender or, in the sandbox, recipient not verified.
    if code in _ACCOUNT or (code in _REJECTED and "not verified" in message):
        return Paused(code, sentence)
    return Rejected(code, sentence) if code in _REJECTED else Unrecognised(code, sentence)


def _no_answer(error: Exception, call: Call) -> NotSent:
    word = type(error).__name__
    if call.sent:
        return Unknown("deadline_passed" if call.expired else word)
    # botocore raises a RuntimeError for a role whose fresh credentials have expired already.
    if isinstance(error, RuntimeError) or "Credential" in word or "Token" in word:
        return Paused("credentials")
    return Unreachable("connection_failed" if call.expired else word)


def _without_addresses(message: str) -> str | None:
    plain = "".join(letter if letter.isprintable() else " " for letter in message)
    return re.sub(r"\S*@\S*", "…", plain)[:300].strip() or None
