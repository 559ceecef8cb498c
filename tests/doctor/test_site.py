"""The site's pages and the way through the proxy, each broken."""

from __future__ import annotations

import re

import pytest
import requests

from leadmagnet.doctor.site import CHECKS

API = re.compile(r"https://api\.light-and-shutter\.example/.*")
SITE = re.compile(r"https://www\.light-and-shutter\.example/(lead-magnet/.*|confidentialite)")
PAGES = ("confirm", "unsubscribe", "own data", "policy")
ROUTES = ("one-click", "webhook")


@pytest.fixture
def whole(web, client):
    """The site's pages, and the real API behind its address."""

    def answer(request):
        said = client.post(
            request.path_url, data=request.body, content_type=request.headers["Content-Type"]
        )
        return said.status_code, dict(said.headers), said.data

    web.get(SITE, body="<!doctype html>", content_type="text/html; charset=utf-8")
    web.add_callback("POST", API, callback=answer)
    return web


@pytest.mark.parametrize("check", CHECKS)
def test_a_site_with_the_api_behind_it_is_well(look, whole, check):
    assert look("site", check).verdict == "ok"


def test_looking_changes_nothing(look, whole, database):
    before = database.checksum(without=frozenset({"lm_signup_limits"}))
    look("site", "one-click")
    assert database.checksum(without=frozenset({"lm_signup_limits"})) == before


@pytest.mark.parametrize("check", PAGES)
@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"status": 404}, "answers 404"),
        ({"status": 302, "headers": {"Location": "/"}}, "answers 302"),
        ({"json": {}}, "is no page"),
        ({"body": requests.exceptions.ConnectionError()}, "no connection"),
        ({"body": requests.exceptions.SSLError()}, "its certificate is not accepted"),
    ],
)
def test_a_page_that_is_not_there_is_told(look, web, check, answer, said):
    web.get(SITE, **answer)
    web.post(API, status=404)
    found = look("site", check)
    assert found.verdict == "fail"
    assert said in found.said


@pytest.mark.parametrize("check", ROUTES)
@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"status": 404, "body": "<html>"}, "something else than the API answers, with 404"),
        ({"status": 200, "json": {"status": "ok"}}, "something else than the API answers"),
        ({"status": 503, "json": {"code": "service_unavailable"}}, "503 service_unavailable"),
    ],
)
def test_a_proxy_that_leads_elsewhere_is_told(look, web, check, answer, said):
    web.get(SITE, status=404)
    web.post(API, **answer)
    found = look("site", check)
    assert found.verdict == "fail"
    assert said in found.said
    assert found.fix


@pytest.mark.parametrize("answers", [False, True], ids=["silent", "stand-in"])
def test_a_site_of_this_machine_that_is_not_started_is_skipped(look, web, start, answers):
    if answers:
        web.get(re.compile("http://localhost:3000/.*"), status=503)
    found = look("site", "confirm", services=start(SITE_URL="http://localhost:3000"))
    assert found.verdict == "skipped"
