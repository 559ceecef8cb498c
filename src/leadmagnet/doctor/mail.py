"""Amazon SES: mail may go, is signed, is not tracked, and what becomes of it is reported."""

from __future__ import annotations

from typing import Any

from leadmagnet.adapters.inspection import NotFound
from leadmagnet.doctor.findings import Check, Finding, Surroundings, fail, ok, warn
from leadmagnet.doctor.identity import identity_of
from leadmagnet.doctor.settings import sender_domain
from leadmagnet.doctor.way_back import TEMPLATE, real_aws, subscription, topic

NEEDED_EVENTS = ("BOUNCE", "COMPLAINT", "DELIVERY")
# Without them a mail that SES drops or cannot hand on is not told.
TELLING_EVENTS = ("REJECT", "DELIVERY_DELAY")
TRACKING = {"OPEN", "CLICK"}
# Part of the day's quota after which a campaign of signups would hit the end.
NEARLY = 0.8


def account(given: Surroundings) -> Finding:
    found = real_aws(given).account()
    if not found.get("ProductionAccessEnabled"):
        site = given.services.config.site_url
        return fail(
            "the account is in the SES sandbox: only verified addresses get mail",
            "aws sesv2 put-account-details --production-access-enabled --mail-type TRANSACTIONAL"
            f" --website-url {site}",
        )
    if not found.get("SendingEnabled"):
        return fail(
            "sending is switched off for the account",
            "aws sesv2 put-account-sending-attributes --sending-enabled",
        )
    standing = found.get("EnforcementStatus", "HEALTHY")
    if standing != "HEALTHY":
        say = fail if standing == "SHUTDOWN" else warn
        return say(
            f"SES has put the account under {standing}",
            "read AWS's case in the Support Center, then: leadmagnet mails",
        )
    return ok("out of the sandbox, sending enabled")


def quota(given: Surroundings) -> Finding:
    found = real_aws(given).account().get("SendQuota", {})
    rate, day = found.get("MaxSendRate", 0), found.get("Max24HourSend", 0)
    sent, ours = found.get("SentLast24Hours", 0), given.services.config.ses_max_rate
    if ours > rate:
        return fail(
            f"SES_MAX_RATE is {ours} a second, the account's {rate:g}",
            f"SES_MAX_RATE={max(int(rate), 1)}",
        )
    if day > 0 and sent > NEARLY * day:
        return warn(
            f"{sent:g} of {day:g} mails of the day are used",
            "raise the quota: Service Quotas, Amazon SES, Sending quota",
        )
    return ok(f"{rate:g} mails a second, {sent:g} of {day:g} a day used")


def identity(given: Surroundings) -> Finding:
    domain = sender_domain(given.services.config.mail_from)
    try:
        domain, found = _identity(given)
    except NotFound:
        return fail(
            f"{domain} is no identity of SES in {given.aws.region}",
            f"aws sesv2 create-email-identity --email-identity {domain}",
        )
    if not found.get("VerifiedForSendingStatus"):
        return fail(f"{domain} is not verified", "leadmagnet doctor --category dns")
    return ok(f"{domain} is verified")


def dkim(given: Surroundings) -> Finding:
    domain, identified = _identity(given)
    found = identified.get("DkimAttributes", {})
    if not found.get("SigningEnabled"):
        return fail(
            "mails are not signed",
            f"aws sesv2 put-email-identity-dkim-attributes --email-identity {domain}"
            " --signing-enabled",
        )
    if found.get("Status") != "SUCCESS":
        return fail(f"SES says {found.get('Status')}", "leadmagnet doctor --category dns")
    return ok("mails are signed for the sender's domain")


def mail_from(given: Surroundings) -> Finding:
    domain, identified = _identity(given)
    found = identified.get("MailFromAttributes", {})
    if not found.get("MailFromDomain"):
        return warn(
            "SPF is Amazon's, not the domain's",
            f"aws sesv2 put-email-identity-mail-from-attributes --email-identity {domain}"
            f" --mail-from-domain bounces.{domain}",
        )
    if found.get("MailFromDomainStatus") != "SUCCESS":
        status = found.get("MailFromDomainStatus")
        return warn(f"SES says {status}", "leadmagnet doctor --category dns")
    return ok(f"{found['MailFromDomain']} takes the bounces")


def configuration_set(given: Surroundings) -> Finding:
    name = given.services.config.ses_configuration_set
    try:
        found = real_aws(given).configuration_set(name)
    except NotFound:
        return fail(f"there is no configuration set {name}", TEMPLATE)
    if found.get("SendingOptions", {}).get("SendingEnabled") is False:
        return fail(
            f"sending is switched off for {name}",
            "aws sesv2 put-configuration-set-sending-options --sending-enabled"
            f" --configuration-set-name {name}",
        )
    return ok(name)


def events(given: Surroundings) -> Finding:
    topics = given.services.config.sns_topics
    ours = [
        each
        for each in _destinations(given)
        if each.get("SnsDestination", {}).get("TopicArn") in topics
    ]
    if not ours:
        return fail("no event destination leads to a topic of SNS_TOPICS", TEMPLATE)
    heard = {kind for each in ours for kind in each["MatchingEventTypes"]}
    if missing := [kind for kind in NEEDED_EVENTS if kind not in heard]:
        return fail(f"{', '.join(missing)} not reported", TEMPLATE)
    if missing := [kind for kind in TELLING_EVENTS if kind not in heard]:
        return warn(f"{', '.join(missing)} not reported", TEMPLATE)
    return ok("bounces, complaints, deliveries, delays and rejects are reported")


def tracking(given: Surroundings) -> Finding:
    tracked = {
        kind for each in _destinations(given) for kind in TRACKING & set(each["MatchingEventTypes"])
    }
    if tracked:
        return fail(
            f"{', '.join(sorted(tracked))} tracked: SES rewrites the links of our mails", TEMPLATE
        )
    if _engagement_metrics(given):
        return fail(
            "Virtual Deliverability Manager tracks: SES rewrites the links of our mails",
            "aws sesv2 put-configuration-set-vdm-options"
            f" --configuration-set-name {given.services.config.ses_configuration_set}"
            " --vdm-options DashboardOptions={EngagementMetrics=DISABLED}",
        )
    return ok("no pixel, no rewritten link")


def _engagement_metrics(given: Surroundings) -> bool:
    """Whether SES counts opens and clicks by itself: as the set says, or else the account."""
    aws = real_aws(given)
    found = aws.configuration_set(given.services.config.ses_configuration_set)
    options = found.get("VdmOptions", {}).get("DashboardOptions", {})
    if "EngagementMetrics" not in options:
        account = aws.account().get("VdmAttributes", {})
        options = account.get("DashboardAttributes", {})
        if account.get("VdmEnabled") != "ENABLED":
            return False
    return bool(options.get("EngagementMetrics") == "ENABLED")


def _identity(given: Surroundings) -> tuple[str, dict[str, Any]]:
    real_aws(given)
    return identity_of(given)


def _destinations(given: Surroundings) -> list[dict[str, Any]]:
    return list(real_aws(given).event_destinations(given.services.config.ses_configuration_set))


CHECKS: dict[str, Check] = {
    "account": account,
    "quota": quota,
    "identity": identity,
    "dkim": dkim,
    "mail from": mail_from,
    "set": configuration_set,
    "events": events,
    "tracking": tracking,
    "topic": topic,
    "webhook": subscription,
}
