"""Receives the events that Amazon SES publishes through SNS: deliveries, bounces, complaints."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from functools import partial
from typing import Any

from flask import request

from leadmagnet.adapters import sns
from leadmagnet.errors import SnsMalformed, SnsUntrusted
from leadmagnet.funnel import limits
from leadmagnet.mail import ses_events
from leadmagnet.web import bodies
from leadmagnet.web.context import context, services
from leadmagnet.web.contract import Blueprint
from leadmagnet.web.schemas import HealthSchema

log = logging.getLogger(__name__)

MESSAGE = {
    "Type": "Notification",
    "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
    "TopicArn": "arn:aws:sns:eu-west-3:123456789012:leadmagnet-ses-events",
    "Message": '{"eventType": "Bounce"}',
    "Timestamp": "2026-11-22T10:00:00.000Z",
    "SignatureVersion": "2",
    "Signature": "bm90IGEgc2lnbmF0dXJl",
    "SigningCertURL": "https://sns.eu-west-3.amazonaws.com/SimpleNotificationService-0a1b2c.pem",
}
# SNS sends up to 256 KiB.
BODY_BYTES = 272 * 1024

blp = Blueprint(
    "webhooks",
    "webhooks",
    url_prefix="/api/lead-magnet/webhooks",
    description="What Amazon SNS calls, and what we call, signed as Standard Webhooks say",
)


@blp.post("/ses")
@blp.doc(
    operationId="sesEvent",
    requestBody={
        "description": "A message of Amazon SNS, signed (version 2) for one of our topics. SNS"
        " sends its JSON as text/plain.",
        "required": True,
        "content": {
            "application/json": {"schema": {"type": "object"}, "example": MESSAGE},
            "text/plain": {"schema": {"type": "string", "contentMediaType": "application/json"}},
        },
    },
)
@blp.response(200, HealthSchema, description="Received and recorded")
@blp.refuses(400, "message_malformed")
@blp.refuses(403, "message_untrusted")
def ses_event() -> dict[str, str]:
    """Receive bounces, complaints and deliveries through Amazon SNS

    The signature is verified first. A repeated message gets 200 again and changes nothing. Our own
    failures are a 503, because SNS does not retry after a 4xx.
    """
    request.max_content_length = BODY_BYTES
    message = _envelope()
    given = services()
    network = limits.network(context().ip)
    try:
        sns.verify(
            message,
            topics=frozenset(given.config.sns_topics),
            public_key=partial(given.certificates.public_key, network=network),
            now=datetime.now(UTC),
        )
    except SnsUntrusted as error:
        log.warning("sns_message_refused", extra={"reason": str(error)})
        raise
    if message["Type"] == "SubscriptionConfirmation":
        given.confirm_sns_topic(message["TopicArn"], message["Token"])
        log.info("sns_subscription_confirmed")
    elif message["Type"] == "UnsubscribeConfirmation":
        log.error("sns_unsubscribed")
    elif event := ses_events.understand(message["Message"]):
        ses_events.record(given, message["MessageId"], event)
    return {"status": "ok"}


def _envelope() -> dict[str, Any]:
    """The message as SNS shapes it: known type, all texts. Raises SnsMalformed, JsonMalformed."""
    message = bodies.parse_object(bodies.read(request))
    type_ = message.get("Type")
    said = request.headers.get("x-amz-sns-message-type", type_)
    names = sns.SIGNED.get(type_, ()) if isinstance(type_, str) else ()
    needed = [name for name in names if name != "Subject"]
    given = [message.get(name) for name in needed] + [message.get("Subject", "")]
    if not needed or said != type_:
        raise SnsMalformed
    if not all(isinstance(value, str) for value in given) or len(message["MessageId"]) > 200:
        raise SnsMalformed
    if "\0" in message["MessageId"]:
        raise SnsMalformed
    return message
