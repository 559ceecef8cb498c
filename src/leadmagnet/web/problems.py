"""Every error as RFC 9457 problem+json, in one shape and in the visitor's language."""

from __future__ import annotations

import logging
from functools import lru_cache
from http import HTTPStatus
from typing import Any

from flask import Flask, json, request
from flask_smorest import Api as SmorestApi
from werkzeug.datastructures import LanguageAccept
from werkzeug.exceptions import HTTPException
from werkzeug.http import parse_accept_header
from werkzeug.wrappers import Response

from leadmagnet.errors import LeadMagnetError, LimitReached, Refused, Unavailable
from leadmagnet.web.bodies import JsonMalformed
from leadmagnet.web.messages import LOCALES, PROBLEMS
from leadmagnet.web.schemas import ProblemSchema

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
RETRY_SECONDS = "5"
ACCEPT_CHARACTERS = 200

# The statuses that HTTP itself gives; those of the domain name their own code.
CODES = {
    400: "request_malformed",
    401: "unauthorized",
    404: "not_found",
    405: "method_not_allowed",
    408: "body_timeout",
    413: "body_too_large",
    415: "media_type_unsupported",
    503: "service_unavailable",
}


def language() -> str:
    """The visitor's language by Accept-Language; French when they ask for neither."""
    # Browsers send less than a hundred characters; parsing eight thousand takes milliseconds.
    return _best_language(request.headers.get("Accept-Language", "")[:ACCEPT_CHARACTERS])


@lru_cache(maxsize=512)
def _best_language(accept: str) -> str:
    # Browsers send few different headers, and reading one costs as much as reading a body.
    return parse_accept_header(accept, LanguageAccept).best_match(LOCALES, "fr")


def problem(
    status: int, code: str, errors: dict[str, str] | None = None, *, locale: str | None = None
) -> dict[str, Any]:
    """The body of a problem; `errors` maps a JSON pointer to a code."""
    locale = locale or language()
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": PROBLEMS[code][locale],
        "code": code,
    }
    if errors:
        body["errors"] = [
            {"pointer": pointer, "code": error, "detail": PROBLEMS[error][locale]}
            for pointer, error in errors.items()
        ]
    return body


def install(app: Flask) -> None:
    """Answer whatever is raised as a problem: by HTTP, by the domain, or by a mistake of ours."""
    app.register_error_handler(HTTPException, _handle_http_exception)
    app.register_error_handler(LeadMagnetError, to_response)
    app.register_error_handler(Exception, _handle_unhandled)


class Api(SmorestApi):  # type: ignore[misc]
    """flask-smorest, of which we take the description alone."""

    ERROR_SCHEMA = ProblemSchema
    DEFAULT_ERROR_RESPONSE_NAME = None

    def _register_error_handlers(self) -> None:
        """`install` has done so."""

    def _register_responses(self) -> None:
        """`web.openapi` does so."""


def _handle_http_exception(error: HTTPException) -> Response:
    # Werkzeug's own response carries what the status asks for: Allow, Retry-After, …
    response = Response.force_type(error.get_response(), request.environ)
    status = response.status_code
    if status < 400:
        return response
    errors = None
    code = "json_malformed" if isinstance(error, JsonMalformed) else CODES.get(status)
    if status == 422:
        errors = _flattened(getattr(error, "data", {}).get("messages", {}))
        code = next(iter(errors.values()), "field_invalid")
    return _write(response, problem(status, code or "request_malformed", errors))


def to_response(error: LeadMagnetError) -> Response:
    """The domain's word as a problem, with the headers its status asks for."""
    errors = error.errors if isinstance(error, Refused) else None
    response = _write(Response(status=error.status), problem(error.status, error.code, errors))
    if isinstance(error, Unavailable):
        log.warning("unavailable", extra={"code": error.code, "reason": _reason(error)})
        response.headers["Retry-After"] = RETRY_SECONDS
    if isinstance(error, LimitReached):
        # draft-ietf-httpapi-ratelimit-headers-10: the names are strings of structured fields.
        response.headers["Retry-After"] = str(error.seconds)
        response.headers["RateLimit-Policy"] = f'"{error.name}";q={error.limit};w={error.window}'
        response.headers["RateLimit"] = f'"{error.name}";r=0;t={error.seconds}'
    return response


def _handle_unhandled(error: Exception) -> Response:
    log.error("unhandled_exception", exc_info=error)
    return _write(Response(status=500), problem(500, "internal_error"))


def _reason(error: Exception) -> str:
    # A refusal without a cause is of our own making, and its argument says which.
    return type(error.__cause__).__name__ if error.__cause__ else str(error)


def _write(response: Response, body: dict[str, Any]) -> Response:
    response.set_data(json.dumps(body))
    response.content_type = MEDIA_TYPE
    return response


def _segment(name: str) -> str:
    """A name as RFC 6901 escapes it; one that a client made up is cut to what a page can show."""
    shown = name[:50] if name.isprintable() else ""
    return shown.replace("~", "~0").replace("/", "~1")


def _flattened(messages: dict[str, Any]) -> dict[str, str]:
    """Marshmallow's nested messages, by location, as JSON pointers (RFC 6901) to codes.

    The schemas' messages are codes already.
    """
    found: dict[str, str] = {}

    def walk(value: Any, pointer: str) -> None:
        if isinstance(value, dict):
            for key, nested in value.items():
                walk(nested, pointer if key == "_schema" else f"{pointer}/{_segment(str(key))}")
        else:
            code = str(value[0])
            found.setdefault(pointer, code if code in PROBLEMS else "field_invalid")

    for location in messages.values():
        walk(location, "")
    # The address first, then the consents: what a visitor can correct, in the order of the form.
    rank = {"/email": 0, "/consents": 1}
    return dict(sorted(found.items(), key=lambda item: rank.get(item[0], 2)))
