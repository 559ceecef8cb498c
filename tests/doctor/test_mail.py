"""What SES and SNS need, each broken; botocore's own stubs answer."""

from __future__ import annotations

from dataclasses import replace

import boto3
import pytest
from botocore.stub import Stubber

from leadmagnet.adapters.inspection import Inspection
from leadmagnet.doctor.examination import made
from leadmagnet.doctor.findings import Skip
from leadmagnet.doctor.mail import CHECKS
from leadmagnet.doctor.real_mail import handed_over
from tests.support.settings import ADA

TOPIC = "arn:aws:sns:eu-west-3:123456789012:leadmagnet-ses-events"
DOMAIN = "light-and-shutter.example"
WEBHOOK = "https://api.light-and-shutter.example/api/lead-magnet/webhooks/ses"
ACCOUNT = {
    "ProductionAccessEnabled": True,
    "SendingEnabled": True,
    "EnforcementStatus": "HEALTHY",
    "SendQuota": {"Max24HourSend": 50000.0, "MaxSendRate": 14.0, "SentLast24Hours": 100.0},
}
IDENTITY = {
    "VerifiedForSendingStatus": True,
    "DkimAttributes": {"SigningEnabled": True, "Status": "SUCCESS", "Tokens": ["a", "b", "c"]},
    "MailFromAttributes": {
        "MailFromDomain": f"bounces.{DOMAIN}",
        "MailFromDomainStatus": "SUCCESS",
        "BehaviorOnMxFailure": "USE_DEFAULT_VALUE",
    },
}
SET = {
    "ConfigurationSetName": "leadmagnet",
    "SendingOptions": {"SendingEnabled": True},
    "VdmOptions": {"DashboardOptions": {"EngagementMetrics": "DISABLED"}},
}
DESTINATION = {
    "Name": "sns",
    "Enabled": True,
    "MatchingEventTypes": ["BOUNCE", "COMPLAINT", "DELIVERY", "DELIVERY_DELAY", "REJECT"],
    "SnsDestination": {"TopicArn": TOPIC},
}
SUBSCRIPTION = {
    "SubscriptionArn": f"{TOPIC}:6b0e71bd",
    "Owner": "123456789012",
    "Protocol": "https",
    "Endpoint": WEBHOOK,
    "TopicArn": TOPIC,
}
ATTRIBUTES = {"RawMessageDelivery": "false", "PendingConfirmation": "false"}
# Which call each check makes, its parameters, and the answer with which all is well.
NAME = {"ConfigurationSetName": "leadmagnet"}
CALLS = {
    "account": ("ses", "get_account", {}, ACCOUNT),
    "quota": ("ses", "get_account", {}, ACCOUNT),
    "identity": ("ses", "get_email_identity", {"EmailIdentity": DOMAIN}, IDENTITY),
    "dkim": ("ses", "get_email_identity", {"EmailIdentity": DOMAIN}, IDENTITY),
    "mail from": ("ses", "get_email_identity", {"EmailIdentity": DOMAIN}, IDENTITY),
    "set": ("ses", "get_configuration_set", NAME, SET),
    "events": (
        *("ses", "get_configuration_set_event_destinations", NAME),
        {"EventDestinations": [DESTINATION]},
    ),
    "tracking": (
        *("ses", "get_configuration_set_event_destinations", NAME),
        {"EventDestinations": [DESTINATION]},
    ),
    "topic": (
        *("sns", "get_topic_attributes", {"TopicArn": TOPIC}),
        {"Attributes": {"SignatureVersion": "2"}},
    ),
    "webhook": (
        *("sns", "list_subscriptions_by_topic", {"TopicArn": TOPIC}),
        {"Subscriptions": [SUBSCRIPTION]},
    ),
}


@pytest.fixture
def look(given, clients, start):
    """One check, with the answer of the one call that it makes."""
    given = replace(given, services=start(SNS_TOPICS=TOPIC, SES_MAX_RATE="10"))

    def look(check, answer=None, error=None, attributes=ATTRIBUTES):
        service, operation, parameters, well = CALLS[check]
        stubber = Stubber(getattr(clients, service))
        if error:
            stubber.add_client_error(operation, error)
        else:
            stubber.add_response(operation, answer or well, parameters)
            if check == "webhook" and answer is None:
                arn = {"SubscriptionArn": SUBSCRIPTION["SubscriptionArn"]}
                stubber.add_response("get_subscription_attributes", {"Attributes": attributes}, arn)
            if check == "tracking" and answer is None:
                stubber.add_response("get_configuration_set", SET, NAME)
        with stubber:
            found = made(CHECKS[check], given)
        stubber.assert_no_pending_responses()
        return found

    return look


def changed(answer, **changes):
    return answer | changes


@pytest.mark.parametrize("check", CHECKS)
def test_an_account_as_the_template_makes_it_is_well(look, check):
    assert look(check).verdict == "ok"


@pytest.mark.parametrize("check", CHECKS)
def test_a_right_that_is_missing_is_named(look, check):
    found = look(check, error="AccessDeniedException")
    assert found.verdict == "skipped"
    assert found.said.startswith("not permitted: s")
    assert "DoctorPolicy" in found.said
    # The weekly mail says that it could not be made.
    assert found.unanswered


@pytest.mark.parametrize("check", CHECKS)
def test_an_outage_of_aws_is_no_fault_of_ours(look, check):
    found = look(check, error="InternalFailure")
    assert (found.verdict, found.said) == ("skipped", "AWS cannot be asked: InternalFailure")


@pytest.mark.parametrize(
    ("check", "answer", "verdict", "said", "fix"),
    [
        (
            *("account", changed(ACCOUNT, ProductionAccessEnabled=False), "fail"),
            *("SES sandbox", "aws sesv2 put-account-details"),
        ),
        (
            *("account", changed(ACCOUNT, SendingEnabled=False), "fail"),
            *("switched off", "aws sesv2 put-account-sending-attributes --sending-enabled"),
        ),
        (
            *("account", changed(ACCOUNT, EnforcementStatus="PROBATION"), "warn"),
            *("PROBATION", "Support Center"),
        ),
        (
            *("account", changed(ACCOUNT, EnforcementStatus="SHUTDOWN"), "fail"),
            *("SHUTDOWN", "Support Center"),
        ),
        (
            "quota",
            {"SendQuota": {"Max24HourSend": 200.0, "MaxSendRate": 1.0, "SentLast24Hours": 0.0}},
            *("fail", "SES_MAX_RATE is 10 a second, the account's 1", "SES_MAX_RATE=1"),
        ),
        (
            "quota",
            {"SendQuota": {"Max24HourSend": 200.0, "MaxSendRate": 14.0, "SentLast24Hours": 190.0}},
            *("warn", "190 of 200 mails of the day", "Service Quotas"),
        ),
        (
            *("identity", changed(IDENTITY, VerifiedForSendingStatus=False), "fail"),
            *("is not verified", "leadmagnet doctor --category dns"),
        ),
        (
            *("dkim", changed(IDENTITY, DkimAttributes={"SigningEnabled": False}), "fail"),
            *("not signed", f"--email-identity {DOMAIN} --signing-enabled"),
        ),
        (
            "dkim",
            changed(IDENTITY, DkimAttributes={"SigningEnabled": True, "Status": "PENDING"}),
            *("fail", "SES says PENDING", "leadmagnet doctor --category dns"),
        ),
        (
            *("mail from", {"VerifiedForSendingStatus": True}, "warn"),
            *("SPF is Amazon's", f"--mail-from-domain bounces.{DOMAIN}"),
        ),
        (
            *("set", {"SendingOptions": {"SendingEnabled": False}}, "fail"),
            *("switched off for leadmagnet", "put-configuration-set-sending-options"),
        ),
        (
            *("events", {"EventDestinations": []}, "fail"),
            *("no event destination", "deploy/aws/template.yaml"),
        ),
        (
            "events",
            {"EventDestinations": [changed(DESTINATION, Enabled=False)]},
            *("fail", "no event destination", "deploy/aws/template.yaml"),
        ),
        (
            "events",
            {"EventDestinations": [changed(DESTINATION, MatchingEventTypes=["BOUNCE"])]},
            *("fail", "COMPLAINT, DELIVERY not reported", "deploy/aws/template.yaml"),
        ),
        (
            "events",
            {
                "EventDestinations": [
                    changed(DESTINATION, MatchingEventTypes=["BOUNCE", "COMPLAINT", "DELIVERY"])
                ]
            },
            *("warn", "REJECT, DELIVERY_DELAY not reported", "deploy/aws/template.yaml"),
        ),
        (
            "tracking",
            {"EventDestinations": [changed(DESTINATION, MatchingEventTypes=["OPEN", "CLICK"])]},
            *("fail", "CLICK, OPEN tracked", "deploy/aws/template.yaml"),
        ),
        (
            *("topic", {"Attributes": {"TopicArn": TOPIC}}, "fail"),
            *("signs with version 1", "--attribute-name SignatureVersion --attribute-value 2"),
        ),
        (
            *("webhook", {"Subscriptions": []}, "fail"),
            *("does not lead to", f"--notification-endpoint {WEBHOOK}"),
        ),
        (
            "webhook",
            {"Subscriptions": [changed(SUBSCRIPTION, SubscriptionArn="PendingConfirmation")]},
            *("fail", "is not confirmed", "aws sns subscribe"),
        ),
    ],
)
def test_what_is_wrong_is_told_with_a_line_to_paste(look, check, answer, verdict, said, fix):
    found = look(check, answer)
    assert found.verdict == verdict
    assert said in found.said
    assert fix in found.fix


@pytest.mark.parametrize(
    ("of_the_set", "of_the_account", "verdict"),
    [
        ("ENABLED", None, "fail"),
        ("DISABLED", None, "ok"),
        (None, ("ENABLED", "ENABLED"), "fail"),
        (None, ("ENABLED", "DISABLED"), "ok"),
        (None, ("DISABLED", "ENABLED"), "ok"),
    ],
)
def test_opens_and_clicks_that_the_deliverability_manager_counts_are_told(
    given, clients, start, of_the_set, of_the_account, verdict
):
    metrics = {"DashboardOptions": {"EngagementMetrics": of_the_set}} if of_the_set else {}
    with Stubber(clients.ses) as stubber:
        *_, operation, parameters, answer = CALLS["tracking"]
        stubber.add_response(operation, answer, parameters)
        stubber.add_response("get_configuration_set", changed(SET, VdmOptions=metrics), NAME)
        if of_the_account:
            enabled, counted = of_the_account
            attributes = {
                "VdmEnabled": enabled,
                "DashboardAttributes": {"EngagementMetrics": counted},
            }
            stubber.add_response("get_account", changed(ACCOUNT, VdmAttributes=attributes), {})
        found = made(CHECKS["tracking"], replace(given, services=start(SNS_TOPICS=TOPIC)))
        stubber.assert_no_pending_responses()
    assert found.verdict == verdict
    if verdict == "fail":
        assert found.said.startswith("Virtual Deliverability Manager tracks")
        assert found.fix.endswith(
            "leadmagnet --vdm-options DashboardOptions={EngagementMetrics=DISABLED}"
        )


def test_raw_messages_which_nobody_signs_are_told(look):
    found = look("webhook", attributes=ATTRIBUTES | {"RawMessageDelivery": "true"})
    assert found.verdict == "fail"
    assert "raw messages" in found.said
    assert f"--subscription-arn {SUBSCRIPTION['SubscriptionArn']}" in found.fix


@pytest.mark.parametrize("check", ["identity", "set", "topic"])
def test_what_is_not_there_at_all_is_told(look, check):
    found = look(check, error="NotFoundException")
    assert found.verdict == "fail"
    assert " no " in found.said


@pytest.mark.parametrize("error", ["NotFoundException", "AccessDeniedException"])
def test_an_identity_above_the_senders_domain_sends_for_it(given, clients, start, error):
    # The policy allows to read that one alone.
    below = replace(given, services=start(MAIL_FROM=f"guide@mail.{DOMAIN}"))
    for check in ("identity", "dkim", "mail from"):
        with Stubber(clients.ses) as stubber:
            stubber.add_client_error("get_email_identity", error)
            stubber.add_response("get_email_identity", IDENTITY, {"EmailIdentity": DOMAIN})
            assert made(CHECKS[check], below).verdict == "ok"


def test_an_emulator_is_not_taken_for_ses(given, clients):
    local = boto3.client("sesv2", "eu-west-3", endpoint_url="http://127.0.0.1:9")
    there = replace(given, aws=Inspection(s3=clients.s3, ses=local, sns=clients.sns))
    for check in CHECKS.values():
        with pytest.raises(Skip):
            check(there)


def test_a_real_mail_is_handed_over_and_its_address_is_not_said(given, mailer, mailbox):
    found = handed_over(given, mailer, ADA)
    assert found.verdict == "ok"
    assert ADA not in found.said
    (mail,) = mailbox.messages()
    assert mail["to"] == [ADA]
    assert mail["configurationSet"] == "leadmagnet"


def test_the_simulators_bounce_has_to_come_back(given, mailer, mailbox, database):
    address = "bounce@simulator.amazonses.com"
    assert "no bounce came back in 60 s" in handed_over(given, mailer, address).said
    waited = []

    def bounce(seconds):
        waited.append(seconds)
        database.rows("INSERT INTO lm_ses_events (message_id, type) VALUES ('m1', 'Bounce')")

    found = handed_over(replace(given, sleep=bounce), mailer, address)
    assert (found.verdict, len(waited)) == ("ok", 1)
    assert "came back through SNS" in found.said
