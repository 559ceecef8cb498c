"""The port that the mails' links lead to: the Nuxt site (`make site`), or a page that says how.

Not where SITE_URL is another: there an app of the developer's own listens.
"""

from __future__ import annotations

import fcntl
import os
import re
import shlex
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import IO, NoReturn
from urllib.parse import parse_qs, urlsplit

from leadmagnet.dev import ports, settings
from leadmagnet.dev.welcome import BODY

NUXT = "site/node_modules/.bin/nuxt"
HOSTS = ("localhost", "127.0.0.1")
PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>The site is not running</title>
<style>
:root {{ color-scheme: light dark }}
body {{ max-width: 44rem; margin: 0 auto; padding: 2rem 1rem;
  font: 16px/1.5 system-ui, sans-serif }}
pre {{ padding: 1rem; border: 1px solid; border-radius: 6px; white-space: pre-wrap;
  overflow-wrap: anywhere; user-select: all }}
</style>
<h1>The site is not running</h1>
<p>This page belongs to the Nuxt site of the studio. Start it beside <code>make run</code> (it needs
Node 20.19, or 22.12 or newer), then reload:</p>
<pre>make site</pre>
<p>Without it, {what}:</p>
<pre>{command}</pre>
"""
POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'"


def local_port(site_url: str) -> int | None:
    """The port of a site on this machine."""
    parts = urlsplit(site_url)
    return parts.port if parts.scheme == "http" and parts.hostname in HOSTS else None


def stand_in(folder: Path, env: Mapping[str, str]) -> None:
    """Answer on the site's port whenever neither the site nor another program does."""
    port = local_port(env["SITE_URL"])
    if port:
        Thread(target=_stand_in, args=(folder, port, _api(env)), daemon=True).start()


def _stand_in(folder: Path, port: int, api: str) -> NoReturn:
    class Handler(BaseHTTPRequestHandler):
        timeout = 5

        def do_GET(self) -> None:
            page = _page(self.path, api).encode()
            self.send_response(503)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(page)))
            self.send_header("Content-Security-Policy", POLICY)
            self.send_header("Referrer-Policy", "no-referrer")
            self.send_header("Cache-Control", "no-store")
            self.end_headers()
            self.wfile.write(page)

        def log_message(self, *_: object) -> None:
            """Nothing: the addresses carry tokens."""

    while True:
        # Another program may take the port between the look and the call.
        with suppress(OSError), (folder / "site.lock").open("a") as lock:
            if not _is_held(lock) and ports.is_free("127.0.0.1", port):
                with ThreadingHTTPServer(("127.0.0.1", port), Handler) as server:
                    server.timeout = 0.2
                    while not _is_held(lock):
                        server.handle_request()
        time.sleep(0.5)


def _page(path: str, api: str) -> str:
    parts = urlsplit(path)
    (token,) = parse_qs(parts.query).get("token", [""])[:1]
    base = f"{api}/api/lead-magnet"
    what, url, body = "ask for the guide with this line", f"{base}/signup", BODY
    if re.fullmatch(r"[\w.~-]+", token, re.ASCII):
        with_token = f'{{"token":"{token}"}}'
        what, url, body = {
            "/lead-magnet/confirm": ("confirm with this line", f"{base}/confirm", with_token),
            "/lead-magnet/unsubscribe": (
                "unsubscribe with this line",
                f"{base}/unsubscribe/{token}",
                "{}",
            ),
            "/lead-magnet/mes-donnees": (
                "see the data with this line",
                f"{base}/privacy/export",
                with_token,
            ),
        }.get(parts.path, (what, url, body))
    command = f"curl -X POST {url} -H 'Content-Type: application/json' -d '{body}'"
    return PAGE.format(what=what, command=escape(command, quote=False))


def _is_held(lock: IO[str]) -> bool:
    if _took(lock, fcntl.LOCK_SH):
        fcntl.flock(lock, fcntl.LOCK_UN)
        return False
    return True


def _took(lock: IO[str], kind: int) -> bool:
    with suppress(BlockingIOError):
        fcntl.flock(lock, kind | fcntl.LOCK_NB)
        return True
    return False


def _api(env: Mapping[str, str]) -> str:
    return f"http://{settings.api_host(env)}:{env['PORT']}"


def run_nuxt(folder: Path) -> None:
    """Become `nuxt dev` on the site's port, in front of the stack that runs in this folder."""
    file = folder / "env"
    if not file.exists():
        sys.exit("make site: start `make run` first, in another terminal")
    stack = dict(pair.split("=", 1) for pair in shlex.split(file.read_text()))
    port = local_port(stack["SITE_URL"])
    if not port:
        sys.exit(f"make site: SITE_URL is {stack['SITE_URL']}, which is not on this machine")
    # Held for as long as the site runs, so that the page of `stand_in` makes way.
    lock = (folder / "site.lock").open("a")
    os.set_inheritable(lock.fileno(), True)
    if not _within(5, lambda: _took(lock, fcntl.LOCK_EX)):
        sys.exit("make site: already running in this folder")
    if not _within(5, lambda: ports.is_free("127.0.0.1", port)):
        sys.exit(f"make site: port {port} is taken: end what listens there, or change SITE_URL")
    env = {
        "NUXT_LEAD_MAGNET_API_ORIGIN": _api(stack),
        "NUXT_SESSION_PASSWORD": settings.kept_key(folder / "site-session.key"),
        "NUXT_TELEMETRY_DISABLED": "1",
        **os.environ,
    }
    os.execve(NUXT, [NUXT, "dev", "site", "--host", "127.0.0.1", "--port", str(port)], env)  # noqa: S606


def _within(seconds: float, condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + seconds
    while not (met := condition()) and time.monotonic() < deadline:
        time.sleep(0.1)
    return met


if __name__ == "__main__":
    run_nuxt(Path(".dev"))
