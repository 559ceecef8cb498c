"""The settings of the admin API, which is off unless ADMIN_API says otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from leadmagnet.admin.roles import ROLES
from leadmagnet.config import ConfigError, FromEnvironment, flag, setting


def _https(value: str) -> str:
    parts = urlsplit(value)
    on_this_machine = parts.scheme == "http" and parts.hostname in ("127.0.0.1", "localhost")
    if not (parts.scheme == "https" or on_this_machine) or not parts.netloc or parts.fragment:
        raise ValueError("must be an https address, like https://login.example.org")
    return value


def _text(value: str) -> str:
    return value


def _roles(value: str) -> Mapping[str, str]:
    pairs = [item.strip().rpartition(":") for item in value.split(",") if item.strip()]
    if not pairs or any(not group or role not in ROLES for group, _, role in pairs):
        raise ValueError("must map groups to roles, like studio-owner:owner,assistants:viewer")
    return {group: role for group, _, role in pairs}


@dataclass(frozen=True, kw_only=True, repr=False)
class AdminConfig(FromEnvironment):
    """Who may use the admin API besides the holders of keys. `.env.example` explains each."""

    admin_api: bool = setting(flag, False)
    oidc_issuer: str | None = setting(_https, None)
    oidc_audience: str | None = setting(_text, None)
    oidc_jwks_url: str | None = setting(_https, None)
    oidc_roles_claim: str = setting(_text, "cognito:groups")
    oidc_roles: Mapping[str, str] | None = setting(_roles, None)

    def __post_init__(self) -> None:
        if self.oidc_issuer and not (self.oidc_audience and self.oidc_roles):
            raise ConfigError(
                "OIDC_ISSUER needs OIDC_AUDIENCE and OIDC_ROLES"
                " (.env.example says what each is for)"
            )
