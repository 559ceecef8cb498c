"""The people on the list: finding them, the whole story of one, and what may be done for them."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from leadmagnet import addresses, hashes
from leadmagnet.admin import audit
from leadmagnet.admin.access import refuse
from leadmagnet.admin.audit import Caller
from leadmagnet.admin.roles import ROLES
from leadmagnet.consent import receipts, suppressions
from leadmagnet.database import Row
from leadmagnet.errors import ActRefused, Refused, SubscriberUnknown, TokenUnknown
from leadmagnet.funnel import limits, magnets, subscribers
from leadmagnet.funnel.requests import Context
from leadmagnet.rights import erasures, privacy
from leadmagnet.services import Services

NEWEST = ("9999-12-31T00:00:00+00:00", "ffffffff-ffff-ffff-ffff-ffffffffffff")
# Above every character of an address, which is printable ASCII.
AFTER_ALL = "\x7f"
NOWHERE = Context(ip=None, user_agent=None)
FILTERS = ("status", "newsletter", "source", "asked_from", "asked_before", "magnet")


def search(
    services: Services,
    caller: Caller,
    *,
    limit: int,
    cursor: str | None = None,
    address: str | None = None,
    prefix: str | None = None,
    **filters: Any,
) -> dict[str, Any]:
    """A page of the list, newest first; addresses are masked for who may not see them.

    Raises Refused for a cursor that is none, or of another search; RoleMissing for a search by
    address of who may not see any: they could find out what is masked.
    """
    sees_addresses = "addresses:read" in ROLES[caller.role or ""]
    looked_for = address or (prefix or "").lower() or None
    if looked_for and not sees_addresses:
        refuse(services, caller, "addresses:read")
    wanted: dict[str, Any] = {name: filters.get(name) for name in FILTERS}
    wanted |= {name: filters.get(name, False) for name in ("without_file", "mail_dead")}
    mark = _mark(services, {**wanted, "address": address, "prefix": prefix})
    before_at, before_id = _position(cursor, mark) if cursor else NEWEST
    magnet_id = magnets.filter_id(services.database, wanted["magnet"])
    page = {**wanted, "magnet_id": magnet_id, "limit": limit + 1}
    page |= {"before_at": before_at, "before_id": before_id}
    if looked_for:
        last = looked_for if address else looked_for + AFTER_ALL
        rows = services.database.all("people_by_address", **page, address=looked_for, last=last)
    else:
        rows = services.database.all("people_page", **page)
    more, rows = len(rows) > limit, rows[:limit]
    next_cursor = _cursor(rows[-1], mark) if more else None
    if not sees_addresses:
        rows = [{**row, "email": addresses.masked(row["email"])} for row in rows]
    return {"items": rows, "next_cursor": next_cursor}


def _mark(services: Services, wanted: dict[str, Any]) -> str:
    """What ties a cursor to its search; keyed, for the search may be an address."""
    text = json.dumps(wanted, default=str, sort_keys=True)
    return hashes.hmac_sha256(services.config.hash_key, "cursor", text).hex()[:16]


def _cursor(row: Row, mark: str) -> str:
    text = json.dumps([row["created_at"].isoformat(), str(row["id"]), mark])
    return urlsafe_b64encode(text.encode()).decode()


def _position(cursor: str, mark: str) -> tuple[str, str]:
    try:
        at, last, own_mark = json.loads(urlsafe_b64decode(cursor.encode("ascii")))
        # In UTC: PostgreSQL knows fewer offsets than Python.
        position = datetime.fromisoformat(at).astimezone(UTC).isoformat(), str(UUID(last))
    except (ValueError, TypeError, AttributeError, RecursionError, OverflowError):
        raise Refused({"/cursor": "cursor_invalid"}) from None
    if own_mark != mark:
        raise Refused({"/cursor": "cursor_mismatch"})
    return position


def story(services: Services, caller: Caller, subscriber_id: UUID) -> Row:
    """Everything about one person, and what may be done for them now. Raises SubscriberUnknown."""
    row = services.database.one(
        "people_story", subscriber_id=subscriber_id, **_resend_limits(services)
    )
    if row is None:
        raise SubscriberUnknown
    audit.record(
        services.database, caller, "subscribers:inspect", subscriber_id=subscriber_id, once=True
    )
    return row


def receipt(services: Services, caller: Caller, subscriber_id: UUID) -> dict[str, Any]:
    """The signed receipt. Raises SubscriberUnknown; ActRefused where it cannot be issued."""
    config = services.config
    try:
        key = receipts.signing_key(config.receipt_key or b"")
    except receipts.ReceiptError:
        raise ActRefused("receipt_key_missing") from None
    try:
        issued = receipts.issue(services, subscriber_id, key)
    except receipts.ReceiptTooEarly:
        raise ActRefused("receipt_too_early") from None
    except receipts.ReceiptError:
        raise ActRefused("receipt_refused") from None
    if issued is None:
        raise SubscriberUnknown
    audit.record(services.database, caller, "subscribers:receipt", subscriber_id=subscriber_id)
    return issued


def show(services: Services, caller: Caller, subscriber_id: UUID) -> dict[str, Any]:
    """All that is held about one person: what their own export holds. Raises SubscriberUnknown."""
    held = privacy.show(services, subscriber_id)
    if held is None:
        raise SubscriberUnknown
    audit.record(
        services.database, caller, "subscribers:inspect", subscriber_id=subscriber_id, once=True
    )
    return held


def erase(
    services: Services,
    caller: Caller,
    subscriber_id: UUID,
    *,
    reason: str,
    objects: bool,
    by: str = "operator",
) -> None:
    """Erase a person for the reason given; if they object, never write to their address again.
    Raises SubscriberUnknown, also for who is erased already."""
    with audit.acting(services, caller, "subscribers:erase", subscriber_id=subscriber_id) as act:
        act.detail.update(reason=reason, objected=objects)
        row = act.services.database.one("people_email", subscriber_id=subscriber_id)
        if row is None:
            raise SubscriberUnknown
        key = services.config.hash_key
        address_hash = suppressions.suppression_hash(row["email"], key) if objects else None
        if not erasures.erase_within(act.services, subscriber_id, by=by, address_hash=address_hash):
            raise SubscriberUnknown
    erasures.log_erased(subscriber_id, by=by)


def unsubscribe(services: Services, caller: Caller, subscriber_id: UUID) -> None:
    """End all mail to a person who has told the studio so; any number of times. Raises
    SubscriberUnknown."""
    action = "subscribers:unsubscribe"
    with audit.acting(services, caller, action, subscriber_id=subscriber_id) as act:
        try:
            subscribers.unsubscribe(
                act.services, subscriber_id=subscriber_id, gesture="operator", context=NOWHERE
            )
        except TokenUnknown:
            raise SubscriberUnknown from None


def resend(services: Services, caller: Caller, subscriber_id: UUID) -> None:
    """Queue the person's latest mail once more. Raises SubscriberUnknown, ActRefused."""
    with audit.acting(services, caller, "subscribers:resend", subscriber_id=subscriber_id) as act:
        row = act.services.database.one(
            "people_resend",
            subscriber_id=subscriber_id,
            **_resend_limits(services),
            mailbox_window=services.config.mails_per_mailbox_days,
        )
        if row is None or not row["found"]:
            raise SubscriberUnknown
        if not row["queued"]:
            raise ActRefused("resend_refused")


def _resend_limits(services: Services) -> dict[str, Any]:
    config = services.config
    limit = limits.of_mailbox(config)["mailbox_limit"]
    return {"cool_down": config.cool_down_seconds, "mailbox_limit": limit}
