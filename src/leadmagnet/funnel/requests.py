"""What a visitor asks: checked, counted by network and kept, for the worker to settle.

Nothing here looks at what is held about an address, so that no answer can tell, by its bytes or
by its time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from leadmagnet import addresses
from leadmagnet.config import Config
from leadmagnet.database import Row
from leadmagnet.errors import (
    LimitReached,
    Refused,
    TooManyPrivacyRequests,
    TooManyRenewals,
    TooManySignups,
)
from leadmagnet.funnel import limits, tokens
from leadmagnet.services import Services


class Context(NamedTuple):
    """Where an act came from, as far as known: kept apart from the act, for a shorter time."""

    ip: str | None
    user_agent: str | None


def sign_up(
    services: Services,
    *,
    email: str,
    consents: Sequence[str],
    context: Context,
    magnet: str | None = None,
    locale: str | None = None,
    source: str | None = None,
    website: object = None,
    turnstile_token: str | None = None,
) -> None:
    """Accept a signup.

    `email` is normalised. A signup with a filled honeypot (`website`), or of an address that no
    person can be behind, is accepted and only counted. Raises Refused for consent texts or a
    magnet that do not fit and for a failed Turnstile check, and TooManySignups for a network over
    its limit.
    """
    config = services.config
    if services.turnstile and not website:
        # A network over the limit must not make us ask a third party.
        limits.check_network(services, TooManySignups, ip=context.ip)
        services.turnstile.check(turnstile_token)
    mailable = addresses.mailable(
        email, sender=config.mail_from, refuse_disposable=config.refuse_disposable
    )
    row = services.database.one(
        "request_sign_up",
        email=email,
        consents=sorted(set(consents)),
        magnet=magnet,
        locale=locale,
        source=source or None,
        discard=bool(website) or not mailable,
        text_grace=config.text_grace_hours,
        **_origin(services, TooManySignups, context),
    )
    assert row is not None  # noqa: S101 - an aggregate without GROUP BY always gives a row
    _refuse_content(row)
    _refuse_over_limit(row, TooManySignups, config)


def _refuse_content(row: Row) -> None:
    if not row["magnet_known"]:
        raise Refused({"/magnet": "magnet_unknown"})
    if not row["texts_known"]:
        raise Refused({"/consents": "consent_unknown"})
    if not row["delivery_agreed"]:
        raise Refused({"/consents": "consent_required"})


def renew_link(services: Services, *, token: str, context: Context) -> None:
    """Accept the request for a fresh link to the owner of an old one. Raises TooManyRenewals for a
    network over its limit."""
    if not tokens.well_formed(token):
        # Not a link of ours: there is nothing to count, to keep or to look up.
        return
    _ask(
        services,
        TooManyRenewals,
        context,
        kind="renewal",
        email=None,
        token_hash=tokens.token_hash(token),
    )


def ask_for_privacy_link(services: Services, *, email: str, context: Context) -> None:
    """Accept the request for a link to what is held about the address. Raises
    TooManyPrivacyRequests for a network over its limit."""
    _ask(services, TooManyPrivacyRequests, context, kind="privacy", email=email, token_hash=None)


def _ask(
    services: Services, error: type[LimitReached], context: Context, **parameters: Any
) -> None:
    origin = _origin(services, error, context)
    row = services.database.one("request_ask", **parameters, **origin)
    assert row is not None  # noqa: S101 - a SELECT of expressions always gives a row
    _refuse_over_limit(row, error, services.config)


def _origin(services: Services, error: type[LimitReached], context: Context) -> dict[str, Any]:
    """The parameters that say where a request came from, how it is counted, whether it wakes the
    worker."""
    counted = limits.of_network(services.config, error, ip=context.ip)
    return {
        **counted,
        "network_key": counted["network_keys"][-1],
        "ip": context.ip,
        "user_agent": context.user_agent,
        "notify": services.wake_worker(),
    }


def _refuse_over_limit(row: Row, error: type[LimitReached], config: Config) -> None:
    if not row["accepted"]:
        # NULL where the window has just ended.
        seconds = row["seconds"] or 1
        raise error(limit=config.signups_per_hour, window=limits.HOUR, seconds=seconds)


def overview(services: Services, *, failures: int) -> Row:
    """For an operator: how many wait, since when, and the failed ones."""
    row = services.database.one("requests_overview")
    assert row is not None  # noqa: S101 - an aggregate without GROUP BY always gives a row
    return {**row, "failures": services.database.all("requests_failed", limit=failures)}


def retry(services: Services, ids: Sequence[int] | None) -> int:
    """Let failed requests wait again, those named or all; how many."""
    row = services.database.one("requests_retry", ids=list(ids) if ids is not None else None)
    return int(row["requests"]) if row else 0
