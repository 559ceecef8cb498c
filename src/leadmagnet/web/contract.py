"""The decorators that make a route's contract: strict bodies, and the problems it answers."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from flask_smorest import Blueprint as SmorestBlueprint
from marshmallow import Schema

from leadmagnet.web.bodies import StrictParser
from leadmagnet.web.messages import PROBLEMS
from leadmagnet.web.schemas import ProblemSchema

MEDIA_TYPE = "application/problem+json"
_SECONDS = {"schema": {"type": "integer"}, "description": "Seconds to wait before trying again"}
_RATE = {
    "schema": {"type": "string"},
    "description": "The limit that was reached (draft-ietf-httpapi-ratelimit-headers)",
}
BODY_REFUSALS = {400: "json_malformed", 413: "body_too_large", 415: "media_type_unsupported"}
HEADERS: dict[int, dict[str, Any]] = {
    429: {"Retry-After": _SECONDS, "RateLimit-Policy": _RATE, "RateLimit": _RATE},
    503: {"Retry-After": _SECONDS},
}


class Blueprint(SmorestBlueprint):  # type: ignore[misc]
    ARGUMENTS_PARSER = StrictParser()

    def arguments(
        self, schema: type[Schema], *, location: str = "json", **kwargs: Any
    ) -> Callable[..., Any]:
        """As flask-smorest's, and documents what the parser refuses of any body. The schema is
        instantiated once, not for each request."""
        takes: Callable[..., Any] = super().arguments(schema(), location=location, **kwargs)
        refusals = BODY_REFUSALS if location == "json" else {}

        def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
            for status, code in refusals.items():
                function = self.refuses(status, code)(function)
            decorated: Callable[..., Any] = takes(function)
            return decorated

        return decorate

    def refuses(self, status: int, *codes: str, pointer: str | None = None) -> Callable[..., Any]:
        """Document that the route answers this status with these codes."""
        examples = {code: {"value": _example(status, code, pointer)} for code in codes}
        decorate: Callable[..., Any] = self.alt_response(
            status,
            schema=ProblemSchema,
            content_type=MEDIA_TYPE,
            examples=examples,
            headers=HEADERS.get(status),
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


def _example(status: int, code: str, pointer: str | None) -> dict[str, Any]:
    detail = PROBLEMS[code]["fr"]
    example: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "code": code,
    }
    if pointer:
        example["errors"] = [{"pointer": pointer, "code": code, "detail": detail}]
    return example
