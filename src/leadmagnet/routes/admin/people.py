"""The people on the list: search, the story of one, and what may be done for them."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from flask import jsonify, make_response, request
from werkzeug.wrappers import Response

from leadmagnet.admin import people
from leadmagnet.routes.admin.blueprint import SUBSCRIBER, WHEN, blp
from leadmagnet.web.contract import path_example
from leadmagnet.web.guard import admin, caller
from leadmagnet.web.people_schemas import (
    DoneSchema,
    EraseSubscriberSchema,
    NextPageSchema,
    NothingSchema,
    SearchSchema,
    SubscriberPageSchema,
)
from leadmagnet.web.story_schemas import ReceiptSchema, StorySchema

ONE = "/subscribers/<uuid:subscriber_id>"
EXAMPLE = [path_example("subscriber_id", SUBSCRIBER)]
ADA = {
    "id": SUBSCRIBER,
    "email": "ada@example.org",
    "status": "confirmed",
    "newsletter": True,
    "source": "instagram",
    "locale": "fr",
    "createdAt": WHEN,
    "confirmedAt": WHEN,
}


@blp.post("/subscribers/search")
@blp.needs("subscribers:read")
@blp.doc(operationId="adminSearch")
@blp.arguments(NextPageSchema, location="query")
@blp.arguments(SearchSchema, example={"status": "confirmed", "newsletter": True})
@blp.response(
    200,
    SubscriberPageSchema,
    description="A page of subscribers",
    example={"items": [ADA], "nextCursor": None},
    headers={"Link": {"schema": {"type": "string"}, "description": "The next page (RFC 8288)"}},
)
@blp.refuses(422, "email_invalid", "email_unsupported", pointer="/address")
@blp.refuses(422, "cursor_invalid", "cursor_mismatch", pointer="/cursor")
def search(
    query: dict[str, Any], body: dict[str, Any]
) -> tuple[dict[str, Any], int, dict[str, str]]:
    """Search the list

    Newest first. The next page is the same search with `cursor`, or sent to the `Link`. A viewer
    sees masked addresses and cannot search by address.
    """
    page = people.search(admin().services, caller(), **body | query)
    cursor = page["next_cursor"]
    link = f'<{request.path}?{urlencode({"cursor": cursor})}>; rel="next"'
    return page, 200, {"Link": link} if cursor else {}


@blp.get(ONE, parameters=EXAMPLE)
@blp.needs("subscribers:inspect")
@blp.doc(operationId="adminStory")
@blp.response(200, StorySchema, description="The person")
@blp.refuses(404, "subscriber_unknown")
def story(subscriber_id: UUID) -> dict[str, Any]:
    """The whole story of a person

    Noted in the audit, once a day.
    """
    return people.story(admin().services, caller(), subscriber_id)


@blp.get(f"{ONE}/receipt", parameters=EXAMPLE)
@blp.needs("subscribers:receipt")
@blp.doc(operationId="adminReceipt")
@blp.response(
    200,
    ReceiptSchema,
    description="The receipt and its signature",
)
@blp.refuses(404, "subscriber_unknown")
@blp.refuses(409, "receipt_key_missing", "receipt_too_early", "receipt_refused")
def receipt(subscriber_id: UUID) -> Response:
    """The signed proof of a person's consent

    Verified by `leadmagnet receipt verify`, without the database.
    """
    return make_response(jsonify(people.receipt(admin().services, caller(), subscriber_id)))


@blp.delete(ONE, parameters=EXAMPLE)
@blp.needs("subscribers:erase")
@blp.doc(operationId="adminErase")
@blp.arguments(EraseSubscriberSchema, example={"reason": "person_asked", "object": False})
@blp.response(204, description="The person is erased")
@blp.refuses(404, "subscriber_unknown")
def erase(body: dict[str, Any], subscriber_id: UUID) -> None:
    """Erase everything held about a person

    With `object`, the address is also suppressed permanently, by a keyed hash of it.
    """
    people.erase(
        admin().services, caller(), subscriber_id, reason=body["reason"], objects=body["object"]
    )


@blp.post(f"{ONE}/unsubscribe", parameters=EXAMPLE)
@blp.needs("subscribers:unsubscribe")
@blp.doc(operationId="adminUnsubscribe")
@blp.arguments(NothingSchema)
@blp.response(200, DoneSchema, description="No more mail goes to the person")
@blp.refuses(404, "subscriber_unknown")
def unsubscribe(body: dict[str, Any], subscriber_id: UUID) -> dict[str, str]:
    """End all mail to a person who has told the studio so

    Repeatable. The ledger says that the studio did it.
    """
    people.unsubscribe(admin().services, caller(), subscriber_id)
    return {"status": "done"}


@blp.post(f"{ONE}/resend", parameters=EXAMPLE)
@blp.needs("subscribers:resend")
@blp.doc(operationId="adminResend")
@blp.arguments(NothingSchema)
@blp.response(200, DoneSchema, description="The mail is queued")
@blp.refuses(404, "subscriber_unknown")
@blp.refuses(409, "resend_refused")
def resend(body: dict[str, Any], subscriber_id: UUID) -> dict[str, str]:
    """Send a person's latest mail once more

    Refused while a mail waits or has just gone, when the mailbox has had its mails, and to a person
    who unsubscribed, bounced or complained.
    """
    people.resend(admin().services, caller(), subscriber_id)
    return {"status": "done"}
