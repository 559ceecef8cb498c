"""Counts requests with unknown tokens by network and limits them, on every route."""

from __future__ import annotations

from contextlib import suppress

from werkzeug.wrappers import Response

from leadmagnet.errors import (
    LeadMagnetError,
    LimitReached,
    TokenMalformed,
    TokenUnknown,
    Unavailable,
)
from leadmagnet.funnel import limits
from leadmagnet.web import problems
from leadmagnet.web.context import context, services


def to_response(unknown: TokenUnknown) -> Response:
    """404, or 429 to a network that has tried too many unknown tokens.

    The limit is checked only after the token was found to be unknown, so that real tokens keep
    working from a network over its limit, or while the counter is unavailable.
    """
    if isinstance(unknown, TokenMalformed):
        return problems.to_response(unknown)
    error: LeadMagnetError = unknown
    with suppress(Unavailable):
        try:
            limits.count_guess(services(), ip=context().ip)
        except LimitReached as limit:
            error = limit
    return problems.to_response(error)
