"""The site's pages, and the API as mail providers and SNS reach it through the proxy."""

from __future__ import annotations

import json
from urllib.parse import urlsplit

from leadmagnet.adapters.pages import NoAnswer, Page
from leadmagnet.doctor.findings import Check, Finding, Skip, Surroundings, fail, ok
from leadmagnet.doctor.settings import HERE
from leadmagnet.doctor.way_back import WEBHOOK

PROXY = "lead /api/lead-magnet/ to the API, as deploy/nginx/nginx.conf does"
# Of the right shape, signed by nobody.
TOKEN = "00000000-0000-7000-8000-000000000000." + "A" * 43


def confirm(given: Surroundings) -> Finding:
    return _page(given, "/lead-magnet/confirm")


def unsubscribe(given: Surroundings) -> Finding:
    return _page(given, "/lead-magnet/unsubscribe")


def own_data(given: Surroundings) -> Finding:
    return _page(given, "/lead-magnet/mes-donnees")


def policy(given: Surroundings) -> Finding:
    return _page(given, given.services.config.policy_path)


def one_click(given: Surroundings) -> Finding:
    """A link that nobody signed: only ours answers to it with our word."""
    return _answered(
        given,
        f"/api/lead-magnet/unsubscribe/{TOKEN}",
        body="List-Unsubscribe=One-Click",
        media_type="application/x-www-form-urlencoded",
        expected=(404, "token_unknown"),
    )


def webhook(given: Surroundings) -> Finding:
    return _answered(
        given,
        WEBHOOK,
        body="{}",
        media_type="text/plain; charset=UTF-8",
        expected=(400, "message_malformed"),
    )


def _page(given: Surroundings, path: str) -> Finding:
    site = given.services.config.site_url
    try:
        page = given.pages.get(f"{site}{path}")
    except NoAnswer as error:
        return _silent(site, error)
    if page.status == 503 and urlsplit(site).hostname in HERE:
        raise Skip(f"{site} is not started (make site)")
    if page.status != 200:
        return fail(f"{path} answers {page.status}", "deploy the site's pages (docs/nuxt.md)")
    if "text/html" not in page.headers.get("Content-Type", ""):
        return fail(f"{path} is no page", "deploy the site's pages (docs/nuxt.md)")
    return ok(path)


def _answered(
    given: Surroundings, path: str, *, body: str, media_type: str, expected: tuple[int, str]
) -> Finding:
    base = given.services.config.api_url or given.services.config.site_url
    try:
        page = given.pages.post(f"{base}{path}", body, media_type=media_type)
    except NoAnswer as error:
        return _silent(base, error)
    if (page.status, _code(page)) == expected:
        return ok(f"{path.partition(TOKEN)[0]} reaches the API")
    if _code(page):
        return fail(f"the API answers {page.status} {_code(page)}", "leadmagnet doctor")
    return fail(f"something else than the API answers, with {page.status}", PROXY)


def _code(page: Page) -> str | None:
    try:
        found = json.loads(page.body)
    except ValueError:
        return None
    code = found.get("code") if isinstance(found, dict) else None
    return code if isinstance(code, str) else None


def _silent(base: str, error: NoAnswer) -> Finding:
    host = urlsplit(base).hostname or ""
    if host in HERE:
        raise Skip(f"{base} does not answer: is it started?")
    return fail(f"{host}: {error}", f"curl -sv -o /dev/null {base}/")


CHECKS: dict[str, Check] = {
    "confirm": confirm,
    "unsubscribe": unsubscribe,
    "own data": own_data,
    "policy": policy,
    "one-click": one_click,
    "webhook": webhook,
}
