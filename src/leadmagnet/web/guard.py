"""The guard of the admin API: every route names what it needs, and nobody passes without it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from flask import abort, current_app, g, json, request
from werkzeug.wrappers import Response

from leadmagnet.admin import access
from leadmagnet.admin.access import Admin
from leadmagnet.admin.audit import Caller
from leadmagnet.errors import NotAuthenticated, RoleMissing
from leadmagnet.web import problems
from leadmagnet.web.context import context
from leadmagnet.web.contract import Blueprint

PREFIX = "/api/admin/lead-magnet"
EXTENSION = "leadmagnet_admin"
SCHEME = "adminToken"


class AdminBlueprint(Blueprint):
    """Routes that only a caller with the right role reaches; all of them 404 without ADMIN_API."""

    def __init__(self) -> None:
        super().__init__(
            "admin",
            "admin",
            url_prefix=PREFIX,
            description="What the studio's owner sees and does, with a key or an OIDC token",
        )
        self.before_request(_guard)

    def needs(self, word: str) -> Callable[..., Any]:
        """Declare the permission that the route takes; `_guard` lets nobody pass without it."""

        def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
            function = self.doc(security=[{SCHEME: []}])(function)
            function.needs = word  # type: ignore[attr-defined]
            return function

        return decorate


def admin() -> Admin:
    return cast(Admin, current_app.extensions[EXTENSION])


def caller() -> Caller:
    return cast(Caller, g.caller)


def hide() -> None:
    """Without ADMIN_API: 404 for what is there too, whatever the method, as for what is not."""
    if EXTENSION not in current_app.extensions and request.path.startswith(PREFIX):
        abort(404)


def _guard() -> None:
    given = request.authorization
    token = given.token if given and given.type == "bearer" else None
    # A route without the word is a KeyError for everybody, not a door for anybody.
    needed = vars(current_app.view_functions[request.endpoint or ""])["needs"]
    g.caller = access.admit(admin(), token, needed=needed, ip=context().ip, request_id=g.request_id)


def ask_for_credentials(error: NotAuthenticated) -> Response:
    """401 as RFC 6750 has it: without an error word for who sent nothing."""
    response = problems.to_response(error)
    word = ', error="invalid_token"' if error.given else ""
    response.headers["WWW-Authenticate"] = f'Bearer realm="leadmagnet"{word}'
    return response


def name_what_is_missing(error: RoleMissing) -> Response:
    """403 with the permission that the role lacks, in the body and as RFC 6750 has it."""
    response = problems.to_response(error)
    response.set_data(json.dumps({**json.loads(response.data), "required": error.required}))
    response.headers["WWW-Authenticate"] = (
        f'Bearer realm="leadmagnet", error="insufficient_scope", scope="{error.required}"'
    )
    return response
