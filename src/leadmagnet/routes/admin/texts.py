"""The consent texts that the pages show."""

from __future__ import annotations

from typing import Any

from leadmagnet.admin import magnets
from leadmagnet.routes.admin.blueprint import blp
from leadmagnet.web.contract import path_example
from leadmagnet.web.guard import admin, caller
from leadmagnet.web.magnet_schemas import (
    AddedTextSchema,
    NewTextSchema,
    TextsQuerySchema,
    TextsSchema,
)
from leadmagnet.web.people_schemas import DoneSchema, NothingSchema

SLUG = "guide-mariee-sereine"
NEW_TEXT = {
    "magnet": SLUG,
    "purpose": "delivery",
    "locale": "fr",
    "text": "J’accepte que Light & Shutter m’envoie ce guide par e-mail.",
    "policyVersion": "2026-11",
    "policyUrl": "https://www.light-and-shutter.example/confidentialite",
}
FORMER_ID, TEXT_ID = f"{SLUG}-delivery-fr-1", f"{SLUG}-delivery-fr-2"


@blp.get("/texts")
@blp.needs("magnets:read")
@blp.doc(operationId="adminTexts")
@blp.arguments(TextsQuerySchema, location="query")
@blp.response(200, TextsSchema, description="The texts")
def read_texts(query: dict[str, Any]) -> dict[str, Any]:
    """List the consent texts

    Retired ones, too: people have agreed to them.
    """
    return {"items": magnets.listed_texts(admin().services.database, **query)}


@blp.post("/texts")
@blp.needs("magnets:manage")
@blp.doc(operationId="adminAddText")
@blp.arguments(NewTextSchema, example={**NEW_TEXT, "replaces": FORMER_ID})
@blp.response(
    201,
    AddedTextSchema,
    description="The ids of the new text and of the one it replaces",
    example={"id": TEXT_ID, "replaced": FORMER_ID},
)
@blp.refuses(404, "magnet_unknown")
@blp.refuses(409, "changed_meanwhile", "text_current")
def add_text(body: dict[str, Any]) -> dict[str, Any]:
    """Add a consent text

    It takes the place of the current text of this magnet, purpose and language, which stays as it
    is for those who agreed to it. Pages that are open may still send that for `TEXT_GRACE_HOURS`.
    `replaces` is the current text as you have seen it: where somebody else has added one since,
    nothing changes and the answer is 409; so it is for the current text once more.
    """
    added, replaced = magnets.add_text(admin().services.database, caller(), **body)
    return {"id": added, "replaced": replaced}


@blp.post("/texts/<text_id>/retire", parameters=[path_example("text_id", TEXT_ID)])
@blp.needs("magnets:manage")
@blp.doc(operationId="adminRetireText")
@blp.arguments(NothingSchema)
@blp.response(200, DoneSchema, description="It is shown no more")
@blp.refuses(404, "text_unknown")
def retire_text(body: dict[str, Any], text_id: str) -> dict[str, str]:
    """Take a consent text off the pages

    Without another in its place. Without a text for delivery, nobody can sign up.
    """
    magnets.retire_text(admin().services.database, caller(), text_id)
    return {"status": "done"}
