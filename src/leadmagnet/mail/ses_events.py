"""What SES learns about an address, and what that changes: bounces, complaints, deliveries."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from email.utils import parseaddr
from typing import Any
from uuid import UUID

from leadmagnet.addresses import AddressRefused, normalise
from leadmagnet.errors import TokenUnknown
from leadmagnet.services import Services

log = logging.getLogger(__name__)

# Each proves that SES took the mail, should our own answer have been lost.
ACCEPTED = frozenset({"Send", "Delivery", "DeliveryDelay", "Bounce", "Complaint", "Open", "Click"})
# What SES writes to a topic that has just been subscribed.
GREETING = "Successfully validated SNS topic"
# The type of a message that AWS signed and we do not understand.
UNREADABLE = "unreadable"


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
    (identity feedback). None for the greeting of a new subscription; any other text that is not
    understood is an event of its own type, so that it is kept and counted.
    """
    if text.startswith(GREETING):
        return None
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        return Event(UNREADABLE, detail="no_json")
    type_ = _word(_object(body).get("eventType") or _object(body).get("notificationType"))
    if type_ is None:
        return Event(UNREADABLE, detail="no_type")
    status, detail, recipients = _effect(type_, body)
    mail = _object(body.get("mail"))
    addresses = _addresses(mail.get("destination") if recipients is None else recipients)
    if not addresses:
        return Event(UNREADABLE, detail=f"no_recipient_of_{type_}")
    return Event(
        type=type_,
        status=status,
        detail=detail,
        outbox_id=_outbox_id(_object(mail.get("tags"))),
        ses_message_id=_word(mail.get("messageId")),
        recipients=addresses,
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
    if row["recorded"] and event.type == UNREADABLE:
        log.error("ses_event_unreadable", extra={"reason": event.detail})
    elif row["recorded"] and not row["matched"]:
        log.warning("ses_event_unmatched", extra={"type": event.type, "outbox_id": event.outbox_id})
    for subscriber_id in row["changed"]:
        _log_lowered(subscriber_id, event.status)
    for outbox_id in row["refused"]:
        log.error("mail_dead", extra={"outbox_id": outbox_id, "reason": event.type})


def repeat(services: Services, subscriber_id: UUID, *, status: str) -> bool:
    """Apply what an earlier event made of somebody, of which only the log knows after a restore;
    whether that changed anything. Raises TokenUnknown after an erasure."""
    row = services.database.one("ses_event_repeat", subscriber_id=subscriber_id, status=status)
    if row is None or not row["found"]:
        raise TokenUnknown
    if row["changed"]:
        _log_lowered(row["changed"], status)
    return row["changed"] is not None


def _log_lowered(subscriber_id: UUID, status: str | None) -> None:
    extra = {"subscriber_id": str(subscriber_id), "status": status}
    log.info("subscriber_status_lowered", extra=extra)


def _effect(type_: str, body: dict[str, Any]) -> tuple[str | None, str | None, Any]:
    """Status, detail and recipients: only a permanent bounce and a complaint change anybody."""
    if type_ == "Bounce":
        bounce = _object(body.get("bounce"))
        kind, sub = _word(bounce.get("bounceType")), _word(bounce.get("bounceSubType"))
        status = "bounced" if kind == "Permanent" else None
        return status, f"{kind}/{sub}", bounce.get("bouncedRecipients") or ()
    if type_ == "Complaint":
        complaint = _object(body.get("complaint"))
        feedback = complaint.get("complaintFeedbackType") or complaint.get("complaintSubType")
        # Not spam, says the mailbox's owner: no reason to leave them without their mails.
        status = None if feedback == "not-spam" else "complained"
        return status, _word(feedback), complaint.get("complainedRecipients") or ()
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
    """Normalised, of SES's objects or plain texts, in display form (`Ada <ada@…>`) or bare."""
    found = []
    for recipient in recipients[:50] if isinstance(recipients, list) else []:
        text = recipient if isinstance(recipient, str) else _object(recipient).get("emailAddress")
        try:
            found.append(normalise(parseaddr(str(text))[1]))
        except AddressRefused:
            continue
    return tuple(found)
