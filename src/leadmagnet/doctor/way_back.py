"""The way back: Amazon SNS signs what SES reports, and brings it to our webhook."""

from __future__ import annotations

from leadmagnet.adapters.inspection import Inspection, NotFound
from leadmagnet.doctor.findings import Finding, Skip, Surroundings, fail, ok

WEBHOOK = "/api/lead-magnet/webhooks/ses"
TEMPLATE = (
    "docs/operating.md#from-an-aws-account-to-the-first-mail:"
    " update the stack of deploy/aws/template.yaml"
)


def topic(given: Surroundings) -> Finding:
    for arn in _topics(given):
        try:
            found = real_aws(given).topic(arn)
        except NotFound:
            return fail(f"there is no topic {_name(arn)}", TEMPLATE)
        # A topic without the attribute signs with version 1.
        if found.get("SignatureVersion") != "2":
            return fail(
                f"{_name(arn)} signs with version 1, which is refused",
                f"aws sns set-topic-attributes --topic-arn {arn}"
                " --attribute-name SignatureVersion --attribute-value 2",
            )
    return ok("signs with version 2")


def subscription(given: Surroundings) -> Finding:
    config = given.services.config
    endpoint = f"{config.api_url or config.site_url}{WEBHOOK}"
    for arn in _topics(given):
        ours = [each for each in real_aws(given).subscriptions(arn) if each["Endpoint"] == endpoint]
        subscribe = f"aws sns subscribe --protocol https --topic-arn {arn}"
        subscribe += f" --notification-endpoint {endpoint}"
        if not ours:
            return fail(f"{_name(arn)} does not lead to {endpoint}", subscribe)
        confirmed = [each["SubscriptionArn"] for each in ours]
        confirmed = [each for each in confirmed if each.startswith("arn:")]
        if not confirmed:
            return fail(f"the subscription of {_name(arn)} is not confirmed", subscribe)
        for each in confirmed:
            # Raw messages are not signed, so that none is believed.
            if real_aws(given).subscription(each).get("RawMessageDelivery") == "true":
                return fail(
                    f"{_name(arn)} delivers raw messages, which are refused",
                    f"aws sns set-subscription-attributes --subscription-arn {each}"
                    " --attribute-name RawMessageDelivery --attribute-value false",
                )
    return ok("confirmed, signed, and leads to our webhook")


def real_aws(given: Surroundings) -> Inspection:
    if given.aws.mail_is_emulated:
        raise Skip("an emulator answers for SES")
    return given.aws


def _topics(given: Surroundings) -> tuple[str, ...]:
    if not given.services.config.sns_topics:
        raise Skip("SNS_TOPICS is empty")
    return given.services.config.sns_topics


def _name(arn: str) -> str:
    return arn.rpartition(":")[2]
