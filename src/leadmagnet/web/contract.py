"""The decorators that make a route's contract: strict bodies, and the problems it answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask_smorest import Blueprint as SmorestBlueprint
from marshmallow import Schema

from leadmagnet.web.bodies import StrictParser
from leadmagnet.web.schemas import ProblemSchema

MEDIA_TYPE = "application/problem+json"
# What any operation may answer, besides what it lists.
EVERYWHERE = {
    400: ("request_malformed", "json_malformed"),
    404: ("not_found",),
    405: ("method_not_allowed",),
    408: ("body_timeout",),
    413: ("body_too_large",),
    414: ("request_malformed",),
    415: ("media_type_unsupported",),
    417: ("request_malformed",),
    422: ("field_invalid", "field_unknown"),
    431: ("request_malformed",),
    500: ("internal_error",),
    501: ("request_malformed",),
    503: ("service_unavailable",),
}
# What any operation of the admin API may answer besides.
GUARDED = {
    401: ("unauthorized", "credentials_refused"),
    403: ("role_missing",),
    429: ("key_limit",),
    503: ("issuer_unavailable",),
}


class Blueprint(SmorestBlueprint):  # type: ignore[misc]
    ARGUMENTS_PARSER = StrictParser()

    def arguments(
        self, schema: type[Schema], *, location: str = "json", **kwargs: Any
    ) -> Callable[..., Any]:
        """As flask-smorest's, with the schema instantiated once, not for each request."""
        takes: Callable[..., Any] = super().arguments(schema(), location=location, **kwargs)
        return takes

    def refuses(self, status: int, *codes: str, pointer: str | None = None) -> Callable[..., Any]:
        """Document that the route answers this status with these codes, about this field."""
        # In place of examples: `web.openapi` writes the codes in a line.
        examples = {code: {"value": pointer} for code in codes}
        decorate: Callable[..., Any] = self.alt_response(
            status, schema=ProblemSchema, content_type=MEDIA_TYPE, examples=examples
        )
        return decorate


def accepted_with(message: dict[str, str], **more: Any) -> dict[str, Any]:
    """What a 202 is documented as: its meaning, and an example with this message."""
    return {
        "description": "Accepted; show the message to the visitor",
        "example": {"status": "accepted", "message": message["fr"], **more},
    }


def path_example(name: str, example: str) -> dict[str, Any]:
    """A path parameter with an example, which the explorer fills in."""
    return {"name": name, "in": "path", "example": example}


def token_example(example: str) -> dict[str, Any]:
    """The token of a mail's link. The explorer sends the example, too."""
    said = "From an e-mail's link. The example is no real one: it gets a 404 and counts as a guess."
    return {**path_example("token", example), "description": said}
