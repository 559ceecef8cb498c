"""Who may use the admin API: keys that work, roles that suffice, and nobody else."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from leadmagnet.admin import keys
from leadmagnet.admin.roles import OWNER
from leadmagnet.web.guard import PREFIX
from tests.support.admin import ADMIN, Caller, admin_client, new_key
from tests.support.client import client_of, problem, sign_up
from tests.support.waiting import until


def admin_rules(app):
    return [rule for rule in app.url_map.iter_rules() if rule.rule.startswith(PREFIX)]


def test_it_is_off_by_default(services, database):
    off = client_of(services)
    key = new_key(database, services, role="owner")
    nothing = off.get(f"{ADMIN}/nothing")
    for rule in admin_rules(off.application):
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
            path = rule.rule.replace("<uuid:subscriber_id>", "9b2f6c1e-3f0a-4d58-9a53-5b6c7d8e9f01")
            answer = off.open(path, method=method, headers={"Authorization": f"Bearer {key}"})
            assert problem(answer) == (404, "not_found"), (method, rule)
            assert set(answer.headers.keys()) == set(nothing.headers.keys()), (method, rule)


def test_a_route_that_names_nothing_lets_nobody_pass(client, owner, monkeypatch):
    monkeypatch.delitem(vars(client.application.view_functions["admin.me"]), "needs")
    with pytest.raises(AssertionError, match="internal_error"):
        owner.get("/me")


def test_who_calls_learns_what_they_may_do(owner, viewer):
    assert owner.get("/me").json["actor"] == "key:ada-laptop"
    assert owner.get("/me").json["timeZone"] == "Europe/Paris"
    assert set(owner.get("/me").json["permissions"]) == OWNER
    assert viewer.get("/me").json["role"] == "viewer"
    assert "subscribers:erase" not in viewer.get("/me").json["permissions"]


def changed(key, at):
    return key[:at] + ("0" if key[at] != "0" else "1") + key[at + 1 :]


def test_only_a_whole_right_key_opens(client, owner):
    key = owner.bearer
    wrong = ["", "x", "lm_", key[:-1], key + "0", key[3:], key.upper(), "lm_" + "é" * 49]
    wrong += [changed(key, 3), changed(key, 20), changed(key, -1), f"{key}\u00a0", "a.b.c", "." * 9]
    wrong += ["a" * 1500, keys.make(lambda count: b"\1" * count)]
    for bearer in wrong:
        answer = client.get(
            f"{ADMIN}/me", headers={"Authorization": f"Bearer {bearer}".encode().decode("latin-1")}
        )
        assert problem(answer) in (
            *((401, code) for code in ("unauthorized", "credentials_refused")),
            (429, "key_limit"),
        ), bearer
    assert owner.get("/me").status_code == 200


@pytest.mark.parametrize("header", [None, "", "Bearer", "Basic YTpi", "bearer", "Digest x", "lm_x"])
def test_without_a_bearer_the_answer_asks_for_one(client, header):
    answer = client.get(f"{ADMIN}/me", headers={"Authorization": header} if header else {})
    assert problem(answer) == (401, "unauthorized")
    assert answer.headers["WWW-Authenticate"].startswith('Bearer realm="leadmagnet"')


def test_a_wrong_key_is_told_from_none(client):
    assert "error" not in client.get(f"{ADMIN}/me").headers["WWW-Authenticate"]
    told = Caller(client, "lm_wrong").get("/me").headers["WWW-Authenticate"]
    assert told == 'Bearer realm="leadmagnet", error="invalid_token"'
    assert "révoquée ou expirée" in Caller(client, "lm_wrong").get("/me").json["detail"]


def test_a_key_in_the_query_string_is_no_key(client, owner):
    for name in ("key", "token", "access_token"):
        answer = client.get(f"{ADMIN}/me", query_string={name: owner.bearer})
        assert problem(answer) == (401, "unauthorized")


@pytest.mark.parametrize(
    "end",
    [
        "revoked_at = now()",
        "created_at = now() - interval '2 days', expires_at = now()",
    ],
)
def test_a_revoked_or_expired_key_ends_at_once(owner, database, end):
    assert owner.get("/me").status_code == 200
    database.rows(f"UPDATE lm_admin_keys SET {end}")
    assert problem(owner.get("/me")) == (401, "credentials_refused")


def test_a_network_with_too_many_wrong_keys_is_told_to_wait(client, owner):
    guesser = Caller(client, "lm_guess", "203.0.113.9")
    answers = [guesser.get("/me").status_code for _ in range(22)]
    assert answers == [401] * 20 + [429] * 2
    late = guesser.get("/me")
    assert problem(late) == (429, "key_limit")
    assert int(late.headers["Retry-After"]) <= 3600
    assert Caller(client, owner.bearer, "203.0.113.10").get("/me").status_code == 200
    # A right key cannot be locked out from where somebody else guesses.
    assert Caller(client, owner.bearer, "203.0.113.9").get("/me").status_code == 200


def test_a_role_that_does_not_suffice_is_told_what_is_missing_and_noted_once(viewer, owner):
    for _ in range(3):
        answer = viewer.get("/audit")
        assert problem(answer) == (403, "role_missing")
        assert answer.json["required"] == "audit:read"
        assert 'scope="audit:read"' in answer.headers["WWW-Authenticate"]
    (entry,) = owner.get("/audit").json["items"]
    assert (entry["actor"], entry["action"], entry["outcome"]) == (
        "key:assistant", "audit:read", "refused",
    )  # fmt: skip
    assert entry["requestId"]


def test_questions_of_the_owner_that_hang_keep_no_visitor_waiting(client, owner, database):
    """They have connections of their own: more of them wait here than there are."""
    hangs = "SELECT count(*) FROM pg_locks WHERE NOT granted"
    ask = lambda _: Caller(client.application.test_client(), owner.bearer).get("/audit").status_code
    with ThreadPoolExecutor(3) as pool:
        with database.owner.transaction():
            database.rows("LOCK TABLE lm_audit IN ACCESS EXCLUSIVE MODE")
            asked = pool.map(ask, range(3))
            until(lambda: database.value(hangs) == 2, seconds=30, what="both connections hang")
            assert sign_up(client).status_code == 202
        assert set(asked) <= {200, 503}


def test_no_origin_may_read_it_and_no_index_keeps_it(start, database):
    origin = "https://www.light-and-shutter.example"
    services = start(CORS_ORIGINS=origin)
    with admin_client(services) as client:
        caller = Caller(client, new_key(database, services, role="viewer"))
        answer = caller.get("/me", headers={"Origin": origin})
        preflight = client.options(
            f"{ADMIN}/me", headers={"Origin": origin, "Access-Control-Request-Method": "GET"}
        )
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Robots-Tag"] == "noindex"
    for each in (answer, preflight):
        assert "Access-Control-Allow-Origin" not in each.headers


def test_the_account_is_append_only_for_everybody(viewer, database):
    viewer.get("/audit")
    for statement in ("UPDATE lm_audit SET actor = 'key:x'", "DELETE FROM lm_audit",
                      "TRUNCATE lm_audit"):  # fmt: skip
        with pytest.raises(psycopg.errors.RestrictViolation):
            database.rows(statement)
    with psycopg.connect(database.url) as app, pytest.raises(psycopg.errors.InsufficientPrivilege):
        app.execute("UPDATE lm_audit SET actor = 'key:x'")


def test_the_application_can_make_no_key(database):
    with psycopg.connect(database.url) as app, pytest.raises(psycopg.errors.InsufficientPrivilege):
        app.execute(
            "INSERT INTO lm_admin_keys (name, key_hash, role, expires_at)"
            " VALUES ('x', sha256('x'), 'owner', now() + interval '1 day')"
        )


def test_the_page_of_the_account_is_bounded(owner):
    for query in ("limit=0", "limit=201", "limit=x", "before=0", "before=9" + "9" * 30,
                  "subscriberId=1", "before=%00"):  # fmt: skip
        assert problem(owner.get(f"/audit?{query}"))[0] == 422, query


def test_keys_are_made_listed_and_revoked_by_the_command(leadmagnet, client, database):
    made = leadmagnet("keys", "add", "ada-laptop", "--role", "viewer", "--days", "30")
    assert made.returncode == 0, made.stderr
    caller = Caller(client, made.stdout.strip())
    assert caller.get("/me").json["actor"] == "key:ada-laptop"
    assert made.stdout.strip() not in str(database.rows("SELECT * FROM lm_admin_keys"))
    twice = leadmagnet("keys", "add", "ada-laptop", "--role", "viewer")
    assert (twice.returncode, "Traceback" in twice.stderr) == (1, False)
    listed = leadmagnet("keys", "list")
    assert re.search(r"^ada-laptop .*until 20\S+ +20", listed.stdout, re.M)
    assert leadmagnet("keys", "revoke", "ada-laptop").returncode == 0
    assert problem(caller.get("/me")) == (401, "credentials_refused")
    assert leadmagnet("keys", "revoke", "ada-laptop").returncode == 1
    assert leadmagnet("keys", "add", "Not A Name", "--role", "viewer").returncode == 2
    assert leadmagnet("keys", "add", "x", "--role", "viewer", "--days", "999").returncode == 2
