"""Tokens of an OIDC issuer: believed of it alone, for us alone, and only as far as mapped."""

from __future__ import annotations

import time
from itertools import count

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from leadmagnet.adapters.oidc import Issuer, fetch_json
from leadmagnet.admin.settings import AdminConfig
from leadmagnet.config import ConfigError
from leadmagnet.errors import IssuerUnavailable
from tests.support.admin import Caller, admin_client
from tests.support.client import problem

URL = "https://login.example.org/pool"
CLIENT = "client-of-the-studio"
SETTINGS = {
    "OIDC_ISSUER": URL, "OIDC_AUDIENCE": CLIENT,
    "OIDC_ROLES": "studio-owner:owner, helpers:viewer",
}  # fmt: skip
KEY = rsa.generate_private_key(65537, 2048)
CURVE = ec.generate_private_key(ec.SECP256R1())
STRANGER = rsa.generate_private_key(65537, 2048)
JWKS = {
    "keys": [
        {**jwt.algorithms.RSAAlgorithm.to_jwk(KEY.public_key(), as_dict=True), "kid": "k1",
         "alg": "RS256", "use": "sig"},
        {**jwt.algorithms.ECAlgorithm.to_jwk(CURVE.public_key(), as_dict=True), "kid": "k2",
         "alg": "ES256", "use": "sig"},
    ]
}  # fmt: skip
DOCUMENTS = {
    f"{URL}/.well-known/openid-configuration": {"issuer": URL, "jwks_uri": f"{URL}/jwks"},
    f"{URL}/jwks": JWKS,
}


def claims(**changes):
    now = int(time.time())
    found = {
        "iss": URL, "sub": "7d0c", "aud": CLIENT, "exp": now + 600, "iat": now,
        "token_use": "id", "cognito:groups": ["studio-owner"],
    } | changes  # fmt: skip
    return {name: value for name, value in found.items() if value is not None}


def token(key=KEY, algorithm="RS256", kid="k1", **changes):
    return jwt.encode(claims(**changes), key, algorithm=algorithm, headers={"kid": kid})


ACCESS = {"aud": None, "client_id": CLIENT, "token_use": "access"}


@pytest.fixture
def client(services):
    issuer = Issuer(URL, CLIENT, fetch=DOCUMENTS.__getitem__)
    with admin_client(services, issuer=issuer, **SETTINGS) as client:
        yield client


GOOD = [
    token(),
    token(aud=[CLIENT]),
    token(aud=["other", CLIENT], azp=CLIENT),
    token(**ACCESS),
    token(CURVE, "ES256", "k2"),
]


def test_a_good_token_acts_by_its_groups(client, subtests):
    for bearer in GOOD:
        with subtests.test(str(bearer)):
            answer = Caller(client, bearer).get("/me")
            assert (answer.status_code, answer.json["role"]) == (200, "owner")
            assert answer.json["actor"] == "oidc:7d0c"


def test_clocks_may_differ_by_seconds(client):
    now = int(time.time())
    for changes in ({"exp": now - 5}, {"iat": now + 10}, {"nbf": now + 10}):
        assert Caller(client, token(**changes)).get("/me").status_code == 200


FORGED = {
    "stranger": token(STRANGER),
    "hmac": jwt.encode(claims(), "x" * 40, algorithm="HS256", headers={"kid": "k1"}),
    "none": jwt.encode(claims(), None, algorithm="none", headers={"kid": "k1"}),
    "other algorithm": token(algorithm="RS512"),
    "unknown key": token(kid="k9"),
    "key of the other kind": token(kid="k2"),
    "no kid": jwt.encode(claims(), KEY, algorithm="RS256"),
    "expired": token(exp=int(time.time()) - 60),
    "from the future": token(iat=int(time.time()) + 3600),
    "not yet": token(nbf=int(time.time()) + 3600),
    "audience": token(aud="another-client"),
    "audiences": token(aud=["another-client"]),
    "several audiences": token(aud=[CLIENT, "another-client"]),
    "for another of several": token(aud=[CLIENT, "another-client"], azp="another-client"),
    "for us, of others": token(aud=["another-client", "third"], azp=CLIENT),
    "client": token(**ACCESS | {"client_id": "another-client"}),
    "client of an id token": token(aud=None, client_id=CLIENT),
    "issuer": token(iss="https://login.example.org/other"),
    "issuer with a slash": token(iss=URL + "/"),
    **{f"no {name}": token(**{name: None}) for name in ("exp", "iss", "sub")},
    "cut": token()[:-5],
    "long": token(padding="x" * 20_000),
}


def test_any_other_token_is_refused(client, subtests):
    for number, (label, bearer) in enumerate(FORGED.items()):
        with subtests.test(label):
            caller = Caller(client, bearer, f"203.0.113.{number}")
            assert problem(caller.get("/me")) == (401, "credentials_refused")


UNMAPPED = [
    {"cognito:groups": None},
    {"cognito:groups": []},
    {"cognito:groups": ["user"]},
    {"cognito:groups": "studio-owner"},
    {"cognito:groups": [["studio-owner"], None, 1]},
    {"cognito:groups": ["owner"]},
    {
        "cognito:groups": None,
        "custom:role": "owner",
        "role": "owner",
        "roles": ["owner"],
        "groups": ["studio-owner"],
        "scope": "owner",
    },
]


def test_a_group_that_nobody_mapped_has_no_access(client, subtests):
    for changes in UNMAPPED:
        with subtests.test(str(changes)):
            answer = Caller(client, token(**changes)).get("/me")
            assert problem(answer) == (403, "role_missing")
            assert answer.json["required"] == "me:read"


def test_of_several_groups_the_strongest_counts(client):
    caller = Caller(client, token(**{"cognito:groups": ["helpers", "user"]}))
    assert caller.get("/me").json["role"] == "viewer"
    both = Caller(client, token(**{"cognito:groups": ["helpers", "studio-owner"]}))
    assert both.get("/me").json["role"] == "owner"


def test_an_issuer_that_cannot_be_asked_is_503_and_is_not_asked_for_each_token(services):
    asked = []

    def away(url):
        asked.append(url)
        raise OSError("unreachable")

    with admin_client(services, issuer=Issuer(URL, CLIENT, fetch=away), **SETTINGS) as client:
        for _ in range(3):
            assert problem(Caller(client, token()).get("/me")) == (503, "issuer_unavailable")
        # Keys go on working.
        assert problem(Caller(client, "lm_wrong").get("/me"))[0] == 401
    assert len(asked) == 1


@pytest.mark.parametrize(
    "documents",
    [
        DOCUMENTS | {f"{URL}/.well-known/openid-configuration": {"issuer": "https://evil.example"}},
        DOCUMENTS | {f"{URL}/.well-known/openid-configuration":
                     {"issuer": URL, "jwks_uri": "file:///etc/passwd"}},
        DOCUMENTS | {f"{URL}/jwks": {"keys": []}},
        DOCUMENTS | {f"{URL}/jwks": []},
        {},
    ],
)  # fmt: skip
def test_documents_that_are_not_the_issuers_are_as_none(documents):
    with pytest.raises(IssuerUnavailable):
        Issuer(URL, CLIENT, fetch=documents.__getitem__).verify(token())


def test_unknown_keys_make_us_ask_once_in_a_while_and_new_keys_are_found():
    asked, now = count(), [1000.0]
    published = {"keys": JWKS["keys"][:1]}

    def fetch(url):
        next(asked)
        return published if url.endswith("jwks") else DOCUMENTS[url]

    issuer = Issuer(URL, CLIENT, jwks_url=f"{URL}/jwks", fetch=fetch, clock=lambda: now[0])
    new = token(CURVE, "ES256", "k2")
    assert issuer.verify(token()) and issuer.verify(new) is None
    for number in range(50):
        assert issuer.verify(token(kid=f"made-up-{number}")) is None
    assert next(asked) == 1
    published = JWKS
    now[0] += 31
    assert issuer.verify(new)
    assert issuer.verify(token())


def test_known_keys_serve_for_a_day_while_the_issuer_is_away(caplog):
    now, away = [1000.0], []

    def fetch(url):
        if away:
            away.append(url)
            raise OSError("unreachable")
        return {"keys": JWKS["keys"][:1]}

    issuer = Issuer(URL, CLIENT, jwks_url=f"{URL}/jwks", fetch=fetch, clock=lambda: now[0])
    assert issuer.verify(token())
    away.append("from now on")
    now[0] += 3600
    with caplog.at_level("WARNING"):
        assert all(issuer.verify(token()) for _ in range(3))
    assert [record.message for record in caplog.records] == ["issuer_unavailable"]
    assert caplog.records[0].reason == "OSError" and len(away) == 2
    # Of a key that is new nobody can say whether it is the issuer's.
    with pytest.raises(IssuerUnavailable):
        issuer.verify(token(CURVE, "ES256", "k2"))
    now[0] += 22 * 3600
    assert issuer.verify(token())
    now[0] += 3600
    with pytest.raises(IssuerUnavailable):
        issuer.verify(token())
    away.clear()
    now[0] += 31
    assert issuer.verify(token())


def test_an_issuer_over_http(s3):
    with pytest.raises((OSError, ValueError)):
        fetch_json(f"{s3}/nothing")
    with pytest.raises(OSError):
        fetch_json("http://127.0.0.1:9/jwks")


@pytest.mark.parametrize(
    "settings",
    [
        {"OIDC_ISSUER": "http://login.example.org"},
        {"OIDC_ISSUER": URL},
        {"OIDC_ISSUER": URL, "OIDC_AUDIENCE": CLIENT},
        {"OIDC_ROLES": "admin"},
        {"OIDC_ROLES": "admin:king"},
        {"OIDC_ROLES": ":owner"},
        {"ADMIN_API": "yes"},
    ],
)
def test_settings_that_would_let_in_the_wrong_ones_stop_the_start(settings):
    with pytest.raises(ConfigError):
        AdminConfig.from_env(settings)
