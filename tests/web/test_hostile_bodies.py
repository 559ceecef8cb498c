"""Bodies and addresses that no page sends: refused with a problem, nothing written."""

from __future__ import annotations

import json

import pytest

from leadmagnet.database import Database
from leadmagnet.services import Services
from tests.support.client import client_of, problem, sign_up
from tests.support.database import fresh_database
from tests.support.services import NO_CERTIFICATES, configured
from tests.support.settings import ADA, API, DELIVERY

VALID = json.dumps({"email": ADA, "consents": [DELIVERY]})
PATHS = ("signup", "confirm", "links/renew")


@pytest.fixture(scope="module")
def database(server):
    """One for all of these tests: each of them proves that it left it as it was."""
    with fresh_database(server) as database:
        yield database


@pytest.fixture(scope="module")
def client(database, files):
    config = configured(database)
    services = Services(config, Database(config.database_url, size=2), files, NO_CERTIFICATES)
    services.database.open()
    yield client_of(services)
    services.database.close()


@pytest.fixture(autouse=True)
def nothing_is_written(database):
    before = database.checksum()
    yield
    assert database.checksum() == before


def post(client, body, path="signup", content_type="application/json", **kwargs):
    return client.post(f"{API}/{path}", data=body, content_type=content_type, **kwargs)


MALFORMED = {
    "no body": b"",
    "null": b"null",
    "true": b"true",
    "list": b"[]",
    "string": b'"x"',
    "number": b"1",
    "cut off": VALID[:-1].encode(),
    "trailing garbage": VALID.encode() + b"x",
    "two objects": VALID.encode() * 2,
    "comment": b"/* hello */" + VALID.encode(),
    "single quotes": b"{'email': 'a'}",
    "NaN": b'{"email": NaN}',
    "Infinity": b'{"email": -Infinity}',
    "too big a number": b'{"email": 1e400}',
    "too long a number": b'{"email": ' + b"9" * 5000 + b"}",
    "byte order mark": b"\xef\xbb\xbf" + VALID.encode(),
    "lone surrogate": b'{"email": "\\ud800"}',
    "lone surrogate as a name": b'{"\\udc00": 1}',
    "duplicate name": b'{"email": "a@x.fr", "email": "b@x.fr"}',
    "deep list": b'{"email": ' + b"[" * 8000 + b"]" * 8000 + b"}",
    "deep object": b'{"a":' * 2300 + b"1" + b"}" * 2300,
    "raw control character": b'{"email": "a\x00b"}',
}


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED.keys())
def test_a_body_that_is_not_one_json_object_is_a_400(client, path, body):
    assert problem(post(client, body, path)) == (400, "json_malformed")


@pytest.mark.parametrize("path", [*PATHS, "unsubscribe/x"])
def test_a_body_over_the_limit_is_a_413(client, path):
    assert problem(post(client, b" " * 17 * 1024, path)) == (413, "body_too_large")
    assert problem(post(client, b"x" * 1_000_000, path)) == (413, "body_too_large")


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "content_type",
    [
        None,
        "",
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/jsonx",
        "application/ld+json",
        "nonsense",
    ],
)
def test_anything_but_json_is_a_415(client, path, content_type):
    answer = post(client, VALID, path, content_type)
    assert problem(answer) == (415, "media_type_unsupported")


ANOTHER_CHARSET = {
    "UTF-16": VALID.encode("utf-16"),
    "UTF-16, no mark": VALID.encode("utf-16-le"),
    "UTF-16, no mark, big end first": VALID.encode("utf-16-be"),
    "UTF-32": VALID.encode("utf-32"),
    "UTF-32, no mark": VALID.encode("utf-32-le"),
    "Latin-1": '{"email": "é"}'.encode("latin-1"),
    "invalid UTF-8": b'{"email": "\xff\xfe"}',
}


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("body", ANOTHER_CHARSET.values(), ids=ANOTHER_CHARSET.keys())
def test_json_in_another_charset_is_a_415(client, path, body):
    assert problem(post(client, body, path)) == (415, "media_type_unsupported")


@pytest.mark.parametrize("charset", ["latin-1", "utf-16", "us-ascii", "", "nonsense"])
def test_a_charset_parameter_of_another_name_is_a_415(client, charset):
    answer = post(client, VALID, content_type=f'application/json; charset="{charset}"')
    assert problem(answer) == (415, "media_type_unsupported")


def test_a_charset_parameter_is_fine_as_long_as_it_is_utf_8(client):
    answer = post(client, b"{}", content_type="application/json; charset=utf-8")
    assert answer.status_code == 422


NOT_TEXT = [None, "", 1, 1.5, True, False, [], {}, ["a@x.fr"], {"a": "b"}]


@pytest.mark.parametrize("email", NOT_TEXT)
def test_what_is_no_text_is_no_address(client, email):
    assert problem(sign_up(client, email)) == (422, "email_invalid")


def test_a_missing_address_is_refused_and_pointed_at(client):
    answer = client.post(f"{API}/signup", json={"consents": [DELIVERY]})
    assert problem(answer) == (422, "email_invalid")
    assert [error["pointer"] for error in answer.json["errors"]] == ["/email"]


INVALID = [
    "a",
    "a@b",
    "a@localhost",
    "@x.fr",
    "a@",
    "a@@x.fr",
    "a b@x.fr",
    "a@x .fr",
    ".a@x.fr",
    "a.@x.fr",
    "a..b@x.fr",
    "a@-x.fr",
    "a@x-.fr",
    "a@x..fr",
    "a@.fr",
    "a@x.fr.",
    "a@[127.0.0.1]",
    "a@[IPv6:::1]",
    "a@127.0.0.1",
    '"a b"@x.fr',
    '"a"@x.fr',
    "a(comment)@x.fr",
    "Ada <a@x.fr>",
    "<a@x.fr>",
    "mailto:a@x.fr",
    "a@x.fr,b@x.fr",
    "a@x.fr;b@x.fr",
    "a@x.fr b@x.fr",
    "a@x.fr\r\nBcc: v@x.fr",
    "a@x.fr\nBcc: v@x.fr",
    "a\r\n@x.fr",
    "a@x.test",
    "a@x.invalid",
    "a@x.onion",
    "a@x.local",
    "a\x00@x.fr",
    "a\x7f@x.fr",
    "a\x85@x.fr",
    "a\u00a0@x.fr",
    "a\u200b@x.fr",
    "a\u202e@x.fr",
    "a@x\x00.fr",
    "a@x\u00a0.fr",
    "a@x\u200b.fr",
    "a@\u202ex.fr",
    "\ta@x.fr",
    "a" * 65 + "@x.fr",
    "a@" + "x" * 64 + ".fr",
    "a@" + ("x" * 60 + ".") * 5 + "fr",
    "a" * 5000 + "@x.fr",
]


@pytest.mark.parametrize("email", INVALID)
def test_what_is_no_deliverable_address_is_refused(client, email):
    answer = sign_up(client, email)
    assert problem(answer) == (422, "email_invalid")
    assert answer.json["errors"] == [
        {"pointer": "/email", "code": "email_invalid", "detail": answer.json["detail"]}
    ]


@pytest.mark.parametrize("email", ["üser@x.fr", "e\u0301@x.fr", "用户@example.org", "é@münchen.de"])
def test_what_our_mail_service_cannot_reach_is_said_so(client, email):
    assert problem(sign_up(client, email)) == (422, "email_unsupported")


@pytest.mark.parametrize(
    "extra",
    [
        {"isConfirmed": True},
        {"id": "0199f3a2-7c11-7d2e-8f3a-5b6c7d8e9f01"},
        {"confirmed_at": "2026-01-01"},
        {"__proto__": {"status": "confirmed"}},
        {"wording": "I agree to everything"},
        {"consentTexts": [{"id": DELIVERY, "text": "everything"}]},
        {"turnstile_token": "snake"},
        {"": 1},
        {"email\u202e": "a@x.fr"},
    ],
)
def test_a_field_the_contract_does_not_know_is_refused_without_repeating_it(client, extra):
    answer = sign_up(client, **extra)
    assert problem(answer) == (422, "field_unknown")
    name = next(iter(extra))
    assert not name or f'"{name}"' not in answer.text


@pytest.mark.parametrize("source", [1, [], "a\u0000b", "a\u202eb", "x" * 65])
def test_a_source_that_is_no_short_text_is_refused(client, source):
    assert problem(sign_up(client, source=source)) == (422, "field_invalid")


@pytest.mark.parametrize("locale", ["de", "FR", "", 1, None, ["fr"]])
def test_a_language_we_do_not_speak_is_refused(client, locale):
    assert problem(sign_up(client, locale=locale)) == (422, "locale_unknown")


def test_several_mistakes_are_told_at_once_the_address_first(client):
    answer = client.post(f"{API}/signup", json={"locale": "de", "consents": [], "email": "a"})
    codes = [(error["pointer"], error["code"]) for error in answer.json["errors"]]
    assert codes == [
        ("/email", "email_invalid"),
        ("/consents", "consent_required"),
        ("/locale", "locale_unknown"),
    ]
    assert answer.json["code"] == "email_invalid"


@pytest.mark.parametrize("path", ["confirm", "links/renew"])
@pytest.mark.parametrize("token", [1, None, [], {}, True, "", "a\u0000b", "x" * 501])
def test_what_is_no_text_is_no_token(client, path, token):
    answer = client.post(f"{API}/{path}", json={"token": token})
    assert problem(answer) == (422, "token_invalid")


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "TRACE"])
def test_another_method_is_a_405_that_names_the_right_one(client, method):
    answer = client.open(f"{API}/signup", method=method)
    assert answer.status_code == 405
    assert "POST" in answer.headers["Allow"]


@pytest.mark.parametrize("path", ["/", "/nothing", f"{API}/", f"{API}/nothing", "/%00", "/%ff"])
def test_an_unknown_path_is_a_404_problem(client, path):
    assert problem(client.get(path)) == (404, "not_found")
