"""The Flask application: frame and routes put together."""

from __future__ import annotations

from typing import Any

from flask import Flask
from flask_smorest import Blueprint
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.routing import UnicodeConverter

from leadmagnet import __version__
from leadmagnet.admin.access import Admin
from leadmagnet.errors import NotAuthenticated, RoleMissing, TokenUnknown
from leadmagnet.routes import admin as admin_routes
from leadmagnet.routes import docs, metrics, ops, privacy, public, webhooks
from leadmagnet.services import Services
from leadmagnet.web import guard, problems, requests, token_guessing

BODY_BYTES = 16 * 1024
DESCRIPTION = """\
Turns a visitor's e-mail address into a proven consent and, one deliberate click later, into a
free guide.

- No `GET`, `HEAD` or `OPTIONS` changes anything; the admin API's audit notes who reads.
- Nothing but the admin API needs a login: a link's token is the proof.
- Errors are `application/problem+json` (RFC 9457). Branch on `code`; show `detail` to the visitor.
- Messages are in French or English, by `Accept-Language`.
- Every response has an `X-Request-Id`, which the logs have, too."""

SECURITY_SCHEME = {
    "type": "http",
    "scheme": "bearer",
    "description": "A key of `leadmagnet keys add`, or a token of the OIDC issuer",
}

INFO = {
    "description": DESCRIPTION,
    "contact": {"name": "The studio"},
    "license": {"name": "Proprietary", "identifier": "LicenseRef-Proprietary"},
}

BLUEPRINTS: tuple[Blueprint, ...] = (
    public.blp, privacy.blp, webhooks.blp, ops.blp, admin_routes.blp,
)  # fmt: skip


class PrintableConverter(UnicodeConverter):
    """Replaces a path segment that is overlong or has control characters by `-`, which matches no
    slug and no token."""

    def to_python(self, value: str) -> str:
        # A ValidationError here would make Werkzeug try other rules and answer a misleading 405.
        return value if value.isprintable() and len(value) <= 500 else "-"


def _observe() -> requests.Observe:
    # Imported only with METRICS_TOKEN, so that others do not pay for prometheus_client.
    from leadmagnet.telemetry.metrics import observe

    return observe


def create_app(services: Services | None, admin: Admin | None = None) -> Flask:
    """The WSGI application. Without services it can describe itself, and nothing else; without
    `admin` the routes of the admin API answer 404."""
    app = Flask("leadmagnet", static_folder=None)
    app.config.update(
        API_TITLE="Lead magnet API",
        API_VERSION=__version__,
        OPENAPI_VERSION="3.1.0",
        API_SPEC_OPTIONS={"info": INFO, "servers": [{"url": "/"}], "security": []},
        MAX_CONTENT_LENGTH=BODY_BYTES,
    )
    app.json.ensure_ascii = False  # type: ignore[attr-defined]
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.url_map.strict_slashes = False
    # Or a doubled slash is answered by a redirect, to the Host that the client wrote.
    app.url_map.merge_slashes = False
    app.url_map.converters["default"] = PrintableConverter
    origins, hops = frozenset[str](), 0
    if services:
        app.extensions["leadmagnet"] = services
        if admin:
            app.extensions[guard.EXTENSION] = admin
        origins = frozenset(services.config.cors_origins)
        hops = services.config.trusted_proxies
    if hops:
        # Only the hops we put there ourselves are believed; the rest is what a client wrote.
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=1, x_host=0)  # type: ignore[method-assign]
    measured = services is not None and services.config.metrics_token is not None
    requests.install(
        app, origins=origins, behind_proxy=hops > 0, observe=_observe() if measured else None
    )
    app.before_request(guard.hide)
    problems.install(app)
    app.register_error_handler(TokenUnknown, token_guessing.to_response)
    app.register_error_handler(NotAuthenticated, guard.ask_for_credentials)
    app.register_error_handler(RoleMissing, guard.name_what_is_missing)
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint)
    # Costs several times what all else does, and few ever ask.
    app.extensions["openapi"] = lambda: _described(app)
    app.register_blueprint(docs.blp)
    app.register_blueprint(metrics.blp)
    return app


def _described(app: Flask) -> Any:
    api = problems.Api(app)
    api.spec.components.security_scheme(guard.SCHEME, SECURITY_SCHEME)
    for blueprint in BLUEPRINTS:
        blueprint.register_views_in_doc(api, app, api.spec, name=blueprint.name, parameters=None)
        api.spec.tag({"name": blueprint.name, "description": blueprint.description})
    return api.spec
