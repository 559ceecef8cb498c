"""Reads how the AWS account is set up, and changes nothing: all that `leadmagnet doctor` asks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from leadmagnet.adapters import account

DENIED = {
    "AccessDenied",
    "AccessDeniedException",
    "AuthorizationError",
    "AuthorizationErrorException",
}
NOTHING_BLOCKED = "NoSuchPublicAccessBlockConfiguration"
ABSENT = {"NotFound", "NotFoundException", "NoSuchBucket", NOTHING_BLOCKED}
PATIENCE = Config(connect_timeout=3, read_timeout=5, retries={"total_max_attempts": 2})


class NotPermitted(Exception):
    """The credentials lack a right; the message is its name in IAM."""


class NotFound(Exception):
    """There is no such thing in this account and region; the message is AWS's word for that."""


class NotAnswered(Exception):
    """AWS cannot be asked; the message is a word for the reason."""


class Inspection:
    """One account in one region, through the clients given."""

    def __init__(self, *, s3: Any, ses: Any, sns: Any) -> None:
        self._s3_client = s3
        self._ses_client = ses
        self._sns_client = sns

    @classmethod
    def of_environment(cls) -> Inspection:
        session = account.session()
        s3, ses, sns = (account.client(name, PATIENCE, of=session) for name in account.SERVICES)
        return cls(s3=s3, ses=ses, sns=sns)

    @property
    def region(self) -> str:
        return str(self._ses_client.meta.region_name)

    @property
    def mail_is_emulated(self) -> bool:
        """Whether something else than Amazon answers for SES."""
        host = urlsplit(self._ses_client.meta.endpoint_url).hostname or ""
        return not host.endswith((".amazonaws.com", ".amazonaws.com.cn", ".api.aws"))

    def public_access_block(self, bucket: str) -> dict[str, bool]:
        """What is blocked. Raises NotFound where there is no such bucket."""
        try:
            with _asked("s3:GetBucketPublicAccessBlock"):
                answer = self._s3_client.get_public_access_block(Bucket=bucket)
        except NotFound as code:
            if str(code) == NOTHING_BLOCKED:
                return {}
            raise
        return dict(answer["PublicAccessBlockConfiguration"])

    def versioning(self, bucket: str) -> bool:
        with _asked("s3:GetBucketVersioning"):
            answer = self._s3_client.get_bucket_versioning(Bucket=bucket)
        return bool(answer.get("Status") == "Enabled")

    def account(self) -> dict[str, Any]:
        with _asked("ses:GetAccount"):
            return dict(self._ses_client.get_account())

    def identity(self, domain: str) -> dict[str, Any]:
        with _asked("ses:GetEmailIdentity"):
            return dict(self._ses_client.get_email_identity(EmailIdentity=domain))

    def configuration_set(self, name: str) -> dict[str, Any]:
        with _asked("ses:GetConfigurationSet"):
            return dict(self._ses_client.get_configuration_set(ConfigurationSetName=name))

    def event_destinations(self, name: str) -> list[dict[str, Any]]:
        """Those that are switched on."""
        with _asked("ses:GetConfigurationSetEventDestinations"):
            answer = self._ses_client.get_configuration_set_event_destinations(
                ConfigurationSetName=name
            )
        return [found for found in answer["EventDestinations"] if found.get("Enabled")]

    def topic(self, arn: str) -> dict[str, str]:
        with _asked("sns:GetTopicAttributes"):
            return dict(self._sns_client.get_topic_attributes(TopicArn=arn)["Attributes"])

    def subscriptions(self, arn: str) -> list[dict[str, str]]:
        """The first hundred, which are more than a topic of ours has."""
        with _asked("sns:ListSubscriptionsByTopic"):
            answer = self._sns_client.list_subscriptions_by_topic(TopicArn=arn)
        return list(answer["Subscriptions"])

    def subscription(self, arn: str) -> dict[str, str]:
        with _asked("sns:GetSubscriptionAttributes"):
            answer = self._sns_client.get_subscription_attributes(SubscriptionArn=arn)
        return dict(answer["Attributes"])


@contextmanager
def _asked(right: str) -> Iterator[None]:
    try:
        yield
    except ClientError as error:
        code = str(error.response["Error"].get("Code", ""))
        if code in DENIED:
            raise NotPermitted(right) from None
        if code in ABSENT:
            raise NotFound(code) from None
        raise NotAnswered(code if code.isalnum() else "unknown answer") from None
    except BotoCoreError as error:
        raise NotAnswered(type(error).__name__) from None
