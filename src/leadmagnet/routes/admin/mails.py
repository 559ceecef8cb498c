"""The mails that are stuck, why, and letting them go."""

from __future__ import annotations

from typing import Any

from leadmagnet.admin import mails
from leadmagnet.routes.admin.blueprint import blp
from leadmagnet.web import problems
from leadmagnet.web.guard import admin, caller
from leadmagnet.web.mail_causes import explained
from leadmagnet.web.mail_schemas import (
    MailsDueSchema,
    MailsQuerySchema,
    MailsSchema,
    RetryMailsSchema,
)
from leadmagnet.web.people_schemas import NothingSchema


@blp.get("/mails")
@blp.needs("mails:read")
@blp.doc(operationId="adminMails")
@blp.arguments(MailsQuerySchema, location="query")
@blp.response(200, MailsSchema, description="What is queued, dead and paused")
def read_mails(query: dict[str, Any]) -> dict[str, Any]:
    """Which mails are stuck, why, and what to do

    The latest that could not go, without addresses; and whether mails may go at all.
    """
    found, locale = mails.read(admin().services, **query), problems.language()
    return {
        "states": found["states"],
        "sending": found["sending"] | explained(found["sending"]["reason"], locale),
        "items": [mail | explained(mail["reason"], locale) for mail in found["items"]],
    }


@blp.post("/mails/retry")
@blp.needs("mails:retry")
@blp.doc(operationId="adminRetryMails")
@blp.arguments(RetryMailsSchema, example={"all": True})
@blp.response(200, MailsDueSchema, description="How many are due again")
def retry(body: dict[str, Any]) -> dict[str, int]:
    """Make dead mails due again

    Those with these `ids`, or `all`. A mail that is not dead is left as it is.
    """
    count = mails.retry(admin().services, caller(), ids=body.get("ids"), every=body["all"])
    return {"mails": count}


@blp.post("/mails/resume")
@blp.needs("mails:resume")
@blp.doc(operationId="adminResumeMails")
@blp.arguments(NothingSchema)
@blp.response(200, MailsDueSchema, description="How many may go now")
def resume(body: dict[str, Any]) -> dict[str, int]:
    """Resume sending, once the cause of the pause is fixed

    Repeatable.
    """
    return {"mails": mails.resume(admin().services, caller())}
