"""`/metrics` for Prometheus, with a token. Not part of the contract."""

from __future__ import annotations

import hmac

from flask import Blueprint, Response, abort, request
from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import Unauthorized

from leadmagnet.web.context import services

blp = Blueprint("metrics", __name__)


@blp.get("/metrics")
def metrics() -> Response:
    """404 without METRICS_TOKEN, as if there were nothing; 401 for any other token."""
    expected = services().config.metrics_token
    if not expected:
        abort(404)
    given = request.authorization
    token = given.token if given and given.type == "bearer" and given.token else ""
    if not hmac.compare_digest(token.encode(), expected.encode()):
        raise Unauthorized(www_authenticate=WWWAuthenticate("bearer"))
    from leadmagnet.telemetry import metrics

    return Response(metrics.expose(services().database), content_type=metrics.CONTENT_TYPE)
