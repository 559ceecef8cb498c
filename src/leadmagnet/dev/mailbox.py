"""Amazon SES for one machine: takes mails as SES v2 does, and shows them instead of sending."""

from __future__ import annotations

import json
import re
from collections import OrderedDict
from collections.abc import Sequence
from contextlib import suppress
from email.utils import parseaddr
from itertools import islice
from pathlib import Path
from threading import Lock
from typing import Any

from flask import Blueprint, Flask, Response, abort, request

from leadmagnet.dev import private, ses

CAPACITY = 20_000

PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; frame-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
# A mail brings its own inline styles, and must not bring anything that acts.
MAIL_POLICY = (
    "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; "
    "style-src 'unsafe-inline'; img-src data: https: http:; base-uri 'self'; "
    "frame-ancestors 'self'"
)


class Inbox:
    """The mails in the order of their arrival; the oldest make room.

    With a file they outlive a restart, as the database they belong to does.
    """

    def __init__(self, file: Path | None) -> None:
        self._mails: OrderedDict[str, dict[str, Any]] = OrderedDict()
        self._lock = Lock()
        self._file = file
        if file and file.exists():
            for line in file.read_text(encoding="utf-8").splitlines():
                # The last line of a killed run may be half a line.
                with suppress(ValueError):
                    self._keep(json.loads(line))
            self._append("\n")

    def add(self, mail: dict[str, Any]) -> None:
        with self._lock:
            self._keep(mail)
            self._append(f"{json.dumps(mail)}\n")

    def _append(self, text: str) -> None:
        if self._file:
            with open(self._file, "a", encoding="utf-8", opener=private.opener) as file:
                file.write(text)

    def _keep(self, mail: dict[str, Any]) -> None:
        self._mails[mail["id"]] = mail
        if len(self._mails) > CAPACITY:
            self._mails.popitem(last=False)

    def get(self, mail_id: str) -> dict[str, Any] | None:
        with self._lock:
            return self._mails.get(mail_id)

    def newest_first(self) -> list[dict[str, Any]]:
        with self._lock:
            return list(reversed(self._mails.values()))

    def clear(self) -> None:
        with self._lock:
            self._mails.clear()
            if self._file:
                self._file.unlink(missing_ok=True)


def create_mailbox(file: Path | None = None, *, names: Sequence[str] = ()) -> Flask:
    """`names` are its host names besides those of this machine."""
    app = Flask(__name__, static_folder="static")
    # A page of anybody's could make its own name lead here, and read the mails as its own origin.
    app.config["TRUSTED_HOSTS"] = ["127.0.0.1", "localhost", *names]
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.json.ensure_ascii = False  # type: ignore[attr-defined]
    inbox = Inbox(file)
    app.register_blueprint(_ses_endpoint(inbox))
    app.register_blueprint(_pages(inbox))
    app.after_request(_harden)
    return app


def _ses_endpoint(inbox: Inbox) -> Blueprint:
    endpoint = Blueprint("ses", __name__)

    @endpoint.post("/v2/email/outbound-emails")
    def send_email() -> dict[str, str]:
        # Any page may send a form or plain text here; for JSON its browser asks us first.
        body = request.get_json(silent=True)
        if not isinstance(body, dict):
            raise ses.BadRequest("the body must be a JSON object, sent as application/json")
        mail = ses.message(body)
        inbox.add(mail)
        return {"MessageId": mail["id"]}

    @endpoint.errorhandler(ses.BadRequest)
    def refuse(error: ses.BadRequest) -> tuple[dict[str, str], int, dict[str, str]]:
        return {"message": str(error)}, 400, {"x-amzn-ErrorType": "BadRequestException"}

    return endpoint


def _pages(inbox: Inbox) -> Blueprint:
    pages = Blueprint("pages", __name__)

    @pages.get("/api/messages")
    def messages() -> list[dict[str, Any]]:
        wanted = request.args.get("to")
        # The page asks for the latest only: it looks every two seconds, a bench leaves thousands.
        limit = request.args.get("limit", CAPACITY, type=int)
        mails = (m for m in inbox.newest_first() if wanted is None or _is_for(m, wanted))
        return [_without_request(mail) for mail in islice(mails, max(limit, 0))]

    @pages.delete("/api/messages")
    def empty() -> tuple[str, int]:
        inbox.clear()
        return "", 204

    @pages.get("/api/messages/<mail_id>")
    def message(mail_id: str) -> dict[str, Any]:
        return inbox.get(mail_id) or abort(404)

    @pages.get("/api/messages/<mail_id>/html")
    def html(mail_id: str) -> Response:
        mail = inbox.get(mail_id) or abort(404)
        response = Response(_opening_links_outside(mail["html"] or ""), mimetype="text/html")
        response.headers["Content-Security-Policy"] = MAIL_POLICY
        return response

    @pages.get("/")
    def page() -> Response:
        path = Path(__file__).with_name("static") / "mailbox.html"
        return Response(path.read_bytes(), mimetype="text/html")

    @pages.get("/healthz")
    def healthz() -> dict[str, str]:
        return {"status": "ok"}

    return pages


def _is_for(mail: dict[str, Any], address: str) -> bool:
    return any(parseaddr(to)[1].lower() == address.strip().lower() for to in mail["to"])


def _without_request(mail: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in mail.items() if name != "request"}


def _opening_links_outside(html: str) -> str:
    """A link followed inside the reading pane would show its page in a sandbox, broken."""
    base = '<base target="_blank">'
    shown, found = re.subn(r"(<head\b[^>]*>)", rf"\1{base}", html, count=1, flags=re.IGNORECASE)
    return shown if found else base + html


def _harden(response: Response) -> Response:
    response.headers.setdefault("Content-Security-Policy", PAGE_POLICY)
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["Cache-Control"] = "no-cache"
    return response
