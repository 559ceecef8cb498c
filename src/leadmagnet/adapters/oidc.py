"""An OIDC issuer's tokens, verified with the keys that the issuer publishes (JWKS)."""

from __future__ import annotations

import json
import logging
import math
import time
from collections.abc import Callable, Mapping
from threading import Lock
from typing import Any

import jwt
import requests

from leadmagnet.errors import IssuerUnavailable

log = logging.getLogger(__name__)

Fetch = Callable[[str], Any]

# Never the token's own choice: `none`, or an HMAC with the public key as its secret.
ALGORITHMS = ("RS256", "ES256")
REQUIRED = ("exp", "iss", "sub")
LEEWAY_SECONDS = 30
# Keys are fetched again for an unknown one, but not for every forged token; and in any case from
# time to time, so that a withdrawn key ends. While the issuer cannot be asked, those in hand serve
# for some time, so that its outage is not ours.
AGAIN_SECONDS = 30
KEYS_SECONDS = 3600
MOST_KEYS_SECONDS = 24 * 3600
TIMEOUTS = (1.0, 1.5)
MOST_BYTES = 256 * 1024


class Issuer:
    """Verifies tokens that `url` issued for `audience`."""

    def __init__(
        self,
        url: str,
        audience: str,
        *,
        jwks_url: str | None = None,
        fetch: Fetch | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._url = url
        self._audience = audience
        self._jwks_url = jwks_url
        self._fetch = fetch or fetch_json
        self._clock = clock
        self._keys: dict[str, jwt.PyJWK] = {}
        self._asked_at = self._had_at = -math.inf
        self._lock = Lock()

    def verify(self, token: str) -> dict[str, Any] | None:
        """The claims of a token that is the issuer's, valid now and for us; None for any other.

        Raises IssuerUnavailable when its keys cannot be had.
        """
        try:
            header = jwt.get_unverified_header(token)
            if header.get("alg") not in ALGORITHMS or not isinstance(header.get("kid"), str):
                return None
            key = self._key(header["kid"])
            if key is None:
                return None
            claims: dict[str, Any] = jwt.decode(
                token,
                key,
                algorithms=list(ALGORITHMS),
                issuer=self._url,
                leeway=LEEWAY_SECONDS,
                # Below: Cognito's access tokens have no `aud`.
                options={"require": list(REQUIRED), "verify_aud": False},
            )
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
            return None
        return claims if self._is_for_us(claims) else None

    @property
    def discovery_url(self) -> str:
        return f"{self._url.rstrip('/')}/.well-known/openid-configuration"

    def look(self) -> int:
        """How many keys it publishes now. Raises IssuerUnavailable."""
        with self._lock:
            self._refresh()
            return len(self._keys)

    def _is_for_us(self, claims: Mapping[str, Any]) -> bool:
        if "aud" not in claims:
            return claims.get("token_use") == "access" and claims.get("client_id") == self._audience
        audience = claims["aud"]
        if isinstance(audience, list) and len(audience) > 1:
            # OpenID Connect Core 1.0, 3.1.3.7: of several, `azp` says for whom it was issued.
            return self._audience in audience and claims.get("azp") == self._audience
        return audience in (self._audience, [self._audience])

    def _key(self, kid: str) -> jwt.PyJWK | None:
        with self._lock:
            now = self._clock()
            wanted = kid not in self._keys or now - self._had_at >= KEYS_SECONDS
            if wanted and now - self._asked_at >= AGAIN_SECONDS:
                try:
                    self._refresh()
                except IssuerUnavailable as error:
                    reason = type(error.__cause__).__name__
                    log.warning("issuer_unavailable", extra={"reason": reason})
            failed = self._asked_at > self._had_at
            if failed and (kid not in self._keys or now - self._had_at >= MOST_KEYS_SECONDS):
                raise IssuerUnavailable("its keys cannot be had")
            return self._keys.get(kid)

    def _refresh(self) -> None:
        self._asked_at = self._clock()
        try:
            jwks_url = self._jwks_url or self._discovered()
            found = jwt.PyJWKSet.from_dict(self._fetch(jwks_url)).keys
        except (OSError, ValueError, TypeError, KeyError, AttributeError, jwt.PyJWTError) as error:
            raise IssuerUnavailable("its keys cannot be had") from error
        self._keys = {key.key_id: key for key in found if key.key_id}
        self._had_at = self._asked_at

    def _discovered(self) -> str:
        """OpenID Connect Discovery 1.0: the document must name the issuer that it was asked of."""
        known = self._fetch(self.discovery_url)
        if known["issuer"] != self._url or not str(known["jwks_uri"]).startswith(
            _scheme(self._url)
        ):
            raise ValueError("not the issuer's own configuration")
        return str(known["jwks_uri"])


def _scheme(url: str) -> str:
    return url.partition("//")[0]


def fetch_json(url: str) -> Any:
    """A small JSON document. Raises OSError (which requests' errors are) or ValueError."""
    with requests.get(url, timeout=TIMEOUTS, allow_redirects=False, stream=True) as response:
        if response.status_code != 200:
            raise ValueError(f"status {response.status_code}")
        body = response.raw.read(MOST_BYTES + 1, decode_content=True)
    if len(body) > MOST_BYTES:
        raise ValueError("too long")
    return json.loads(body)
