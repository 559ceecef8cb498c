"""Who calls the admin API and whether they may: keys, OIDC tokens, roles; nobody by default."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from leadmagnet.admin import audit, keys
from leadmagnet.admin.audit import Caller
from leadmagnet.admin.roles import ROLES, strongest
from leadmagnet.admin.settings import AdminConfig
from leadmagnet.database import Database
from leadmagnet.errors import NotAuthenticated, RoleMissing, Unavailable
from leadmagnet.funnel import limits
from leadmagnet.services import Services

if TYPE_CHECKING:
    from leadmagnet.adapters.oidc import Issuer

MOST_TOKEN_CHARACTERS = 8000
ACTOR_CHARACTERS = 200
CONNECTIONS = 2
WAITING = 4
SECONDS = 10.0


@dataclass(frozen=True)
class Admin:
    """What the admin routes are given: `services` with connections of their own."""

    services: Services
    config: AdminConfig
    issuer: Issuer | None = None


def admin_of(services: Services, config: AdminConfig) -> Admin | None:
    """The admin API of a service, None where it is off. Nothing is connected yet."""
    if not config.admin_api:
        return None
    # Its own connections and patience, so that a slow question cannot hold up a signup.
    database = Database(
        services.config.database_url, size=CONNECTIONS, waiting=WAITING, seconds=SECONDS
    )
    return Admin(replace(services, database=database), config, issuer_of(config))


def issuer_of(config: AdminConfig) -> Issuer | None:
    if not (config.oidc_issuer and config.oidc_audience):
        return None
    # Imported where it is used: an HTTP client is a tenth of a second and some megabytes.
    from leadmagnet.adapters.oidc import Issuer

    return Issuer(config.oidc_issuer, config.oidc_audience, jwks_url=config.oidc_jwks_url)


def admit(
    admin: Admin, token: str | None, *, needed: str, ip: str | None, request_id: str | None
) -> Caller:
    """The caller, who may do what is needed.

    Raises NotAuthenticated, TooManyFailedKeys for a network that has tried too many wrong keys,
    RoleMissing, and IssuerUnavailable where a token cannot be checked now.
    """
    if not token:
        raise NotAuthenticated(given=False)
    caller = _caller(admin, token, request_id)
    if caller is None:
        # A failed count makes no wrong key a right one.
        with suppress(Unavailable):
            limits.count_failed_key(admin.services, ip=ip)
        raise NotAuthenticated(given=True)
    if needed not in ROLES.get(caller.role or "", ()):
        refuse(admin.services, caller, needed)
    return caller


def refuse(services: Services, caller: Caller, needed: str) -> None:
    """Note the refusal, once a day, and raise RoleMissing."""
    audit.record(services.database, caller, needed, outcome="refused", once=True)
    raise RoleMissing(needed)


def _caller(admin: Admin, token: str, request_id: str | None) -> Caller | None:
    if token.startswith(keys.PREFIX):
        row = keys.find(admin.services, token)
        return Caller(f"key:{row['name']}", row["role"], request_id) if row else None
    if admin.issuer is None or len(token) > MOST_TOKEN_CHARACTERS:
        return None
    claims = admin.issuer.verify(token)
    if claims is None:
        return None
    subject = "".join(c for c in str(claims["sub"]) if c.isprintable())[:ACTOR_CHARACTERS]
    return Caller(f"oidc:{subject or '-'}", _role(admin.config, claims), request_id)


def _role(config: AdminConfig, claims: dict[str, Any]) -> str | None:
    """By the map of groups alone: other claims may be written by the users themselves."""
    groups = claims.get(config.oidc_roles_claim)
    names = groups if isinstance(groups, list) else []
    return strongest({role for group, role in (config.oidc_roles or {}).items() if group in names})
