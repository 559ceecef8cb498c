"""An unknown token, on whatever route, is a guess, and guesses are counted by network."""

from __future__ import annotations

from contextlib import suppress

from werkzeug.wrappers import Response

from leadmagnet.errors import LeadMagnetError, LimitReached, TokenUnknown, Unavailable
from leadmagnet.funnel import limits
from leadmagnet.web import problems
from leadmagnet.web.context import context, services


def to_response(unknown: TokenUnknown) -> Response:
    """404, or 429 to a network that guesses too much.

    Only here, after a token turned out to be unknown, is the limit looked at: a real token works
    from a network over its limit, and without a database that could say so.
    """
    error: LeadMagnetError = unknown
    with suppress(Unavailable):
        try:
            limits.count_guess(services(), ip=context().ip)
        except LimitReached as limit:
            error = limit
    return problems.to_response(error)
