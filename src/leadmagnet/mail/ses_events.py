"""What SES learns about an address, and what that changes: bounces, complaints, deliveries."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from typing import Any

from leadmagnet.addresses import AddressRefused, normalise
from leadmagnet.services import Services

log = logging.getLogger(__name__)

# Each proves that SES took the mail, should our own answer have been lost.
ACCEPTED = frozenset({"Send", "Delivery", "DeliveryDelay", "Bounce", "Complaint", "Open", "Click"})


@dataclass(frozen=True)
class Event:
    """What we need of a notification. `status` is what it makes of a subscriber, if anything."""

    type: str
    status: str | None = None
    detail: str | None = None
    outbox_id: int | None = None
    ses_message_id: str | None = None
    recipients: tuple[str, ...] = ()


def understand(text: str) -> Event | None:
    """Read SES's JSON in either shape, `eventType` (event publishing) or `notificationType`
    (identity feedback). None for what is no event, like the greeting of a new subscription.
    """
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(body, dict):
        return None
    type_ = _word(body.get("eventType") or body.get("notificationType"))
    if type_ is None:
        return None
    status, detail, recipients = _effect(type_, body)
    mail = _object(body.get("mail"))
    return Event(
        type=type_,
        status=status,
        detail=detail,
        outbox_id=_outbox_id(_object(mail.get("tags"))),
        ses_message_id=_word(mail.get("messageId")),
        recipients=_addresses(recipients),
    )


def record(services: Services, message_id: str, event: Event) -> None:
    """Store the event and apply it, once: a repetition changes nothing. Raises Unavailable."""
    row = services.database.one(
        "ses_event_record",
        message_id=message_id,
        type=event.type,
        status=event.status,
        detail=event.detail,
        outbox_id=event.outbox_id,
        ses_message_id=event.ses_message_id,
        recipients=list(event.recipients),
        accepted=event.type in ACCEPTED,
    )
    assert row is not None  # noqa: S101 - a SELECT of expressions always gives a row
    for subscriber_id in row["changed"]:
        extra = {"subscriber_id": str(subscriber_id), "status": event.status}
        log.info("subscriber_status_lowered", extra=extra)
    for outbox_id in row["refused"]:
        log.error("mail_dead", extra={"outbox_id": outbox_id, "reason": event.type})


def _effect(type_: str, body: dict[str, Any]) -> tuple[str | None, str | None, Any]:
    """Status, detail and recipients: only a permanent bounce and a complaint change anybody."""
    if type_ == "Bounce":
        bounce = _object(body.get("bounce"))
        kind, sub = _word(bounce.get("bounceType")), _word(bounce.get("bounceSubType"))
        status = "bounced" if kind == "Permanent" else None
        return status, f"{kind}/{sub}", bounce.get("bouncedRecipients")
    if type_ == "Complaint":
        complaint = _object(body.get("complaint"))
        feedback = complaint.get("complaintFeedbackType") or complaint.get("complaintSubType")
        # Not spam, says the mailbox's owner: no reason to leave her without her mails.
        status = None if feedback == "not-spam" else "complained"
        return status, _word(feedback), complaint.get("complainedRecipients")
    return None, None, None


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _word(value: Any) -> str | None:
    """A short text of SES's, like `OnAccountSuppressionList`; anything else is nothing."""
    return value if isinstance(value, str) and value.isprintable() and len(value) < 200 else None


def _outbox_id(tags: dict[str, Any]) -> int | None:
    values = tags.get("outbox_id")
    text = values[0] if isinstance(values, list) and values else None
    if isinstance(text, str) and text.isascii() and text.isdigit() and len(text) < 19:
        return int(text)
    return None


def _addresses(recipients: Any) -> tuple[str, ...]:
    found = []
    for each in recipients if isinstance(recipients, list) else []:
        try:
            found.append(normalise(str(_object(each).get("emailAddress"))))
        except AddressRefused:
            continue
    return tuple(found[:50])
