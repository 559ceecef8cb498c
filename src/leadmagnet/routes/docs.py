"""The explorer: Swagger UI from our own host, under a strict Content-Security-Policy."""

from __future__ import annotations

from importlib.resources import files

from flask import Blueprint, Response, abort, current_app

from leadmagnet.web import openapi

ASSETS = {
    "swagger-ui.css": "text/css",
    "swagger-ui-bundle.js": "text/javascript",
    "favicon-32x32.png": "image/png",
}
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
    " connect-src 'self'; font-src 'self'; base-uri 'none'; form-action 'none';"
    " frame-ancestors 'none'"
)
PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Lead magnet API</title>
<link rel="icon" href="/docs/assets/favicon-32x32.png">
<link rel="stylesheet" href="/docs/assets/swagger-ui.css">
</head>
<body>
<div id="explorer"></div>
<script src="/docs/assets/swagger-ui-bundle.js"></script>
<script src="/docs/explorer.js"></script>
</body>
</html>
"""
# The bundle has a dark look, and leaves it to the page when to take it.
SCRIPT = """const dark = matchMedia("(prefers-color-scheme: dark)");
const follow = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", follow);
follow();
SwaggerUIBundle({
  url: "/openapi.yaml",
  dom_id: "#explorer",
  presets: [SwaggerUIBundle.presets.apis],
  layout: "BaseLayout",
  deepLinking: true,
  tryItOutEnabled: true,
  validatorUrl: null,
});
"""

blp = Blueprint("docs", __name__)


@blp.get("/openapi.yaml")
def contract() -> Response:
    return Response(_yaml(), content_type="application/yaml")


@blp.get("/docs")
def explorer() -> Response:
    return _page(PAGE, "text/html; charset=utf-8")


@blp.get("/docs/explorer.js")
def script() -> Response:
    return _page(SCRIPT, "text/javascript; charset=utf-8")


@blp.get("/docs/assets/<name>")
def asset(name: str) -> Response:
    if name not in ASSETS:
        abort(404)
    data = (files("flask_swagger_ui") / "dist" / name).read_bytes()
    return Response(data, content_type=ASSETS[name], headers={"Cache-Control": "max-age=3600"})


def _yaml() -> str:
    """Written once: it takes half a second."""
    kept = current_app.extensions
    if "openapi_yaml" not in kept:
        kept["openapi_yaml"] = openapi.as_yaml(current_app)
    return str(kept["openapi_yaml"])


def _page(text: str, content_type: str) -> Response:
    headers = {"Content-Security-Policy": POLICY}
    return Response(text, content_type=content_type, headers=headers)
