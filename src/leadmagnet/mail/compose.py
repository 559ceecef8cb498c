"""Composes the mails: a subject, a text part and an HTML part that say the same."""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass
from functools import cache

import css_inline
from jinja2 import Environment, PackageLoader, StrictUndefined, Template, TemplateNotFound

from leadmagnet.adapters.ses import Mail
from leadmagnet.config import Config
from leadmagnet.database import Row
from leadmagnet.funnel import tokens

STUDIO = "Light & Shutter"
LINE_WIDTH = 76


@dataclass(frozen=True)
class Content:
    subject: str
    text: str
    html: str


def compose(
    kind: str,
    locale: str,
    *,
    magnet_title: str,
    newsletter: bool,
    link_url: str,
    unsubscribe_url: str,
    hours: int,
) -> Content:
    """Fill the texts of `<kind>.<locale>.jinja` into both layouts.

    `newsletter`: confirming would also subscribe to the advice by mail. Raises KeyError for a
    kind or locale without texts.
    """
    values = {
        "studio": STUDIO,
        "locale": locale,
        "magnet_title": magnet_title,
        "newsletter": newsletter,
        "link_url": link_url,
        "unsubscribe_url": unsubscribe_url,
        "hours": hours,
    }
    name = f"{kind}.{locale}.jinja"
    try:
        as_text, as_html = _text.get_template(name), _html.get_template(name)
    except TemplateNotFound:
        # TemplateNotFound is an OSError, which a sender would take for a network that comes back.
        raise KeyError(f"no mail {kind!r} in {locale!r}") from None
    subject = as_text.blocks["subject"](as_text.new_context(values))
    return Content(
        subject=_one_line("".join(subject)),
        text=as_text.render(values, layout=_text.get_template("layout.txt")),
        html=as_html.render(values, layout=_html_layout()),
    )


def mail_for(row: Row, *, token: str, config: Config) -> Mail:
    """The mail for a claimed row. Its links lead to the site; only the one-click unsubscribe of
    RFC 8058, which mail providers POST to, leads to this API."""
    unsubscribe = tokens.sign(row["subscriber_id"], config.unsubscribe_keys)
    private = row["kind"] == "privacy"
    page = "mes-donnees" if private else "confirm"
    life = config.privacy_link_minutes if private else config.token_hours
    content = compose(
        row["kind"],
        row["locale"],
        magnet_title=row["magnet_title"] or "",
        newsletter=row["newsletter"],
        link_url=f"{config.site_url}/lead-magnet/{page}?token={token}",
        unsubscribe_url=f"{config.site_url}/lead-magnet/unsubscribe?token={unsubscribe}",
        hours=max(1, int(life.total_seconds() // 3600)),
    )
    one_click = f"{config.api_url or config.site_url}/api/lead-magnet/unsubscribe/{unsubscribe}"
    return Mail(
        sender=config.mail_from,
        to=row["email"],
        subject=content.subject,
        text=content.text,
        html=content.html,
        headers={
            "List-Unsubscribe": f"<{one_click}>",
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
            # RFC 3834: no out-of-office notice should answer this.
            "Auto-Submitted": "auto-generated",
        },
        tags={"outbox_id": str(row["id"]), "kind": row["kind"]},
        configuration_set=config.ses_configuration_set,
    )


def _one_line(text: str) -> str:
    # Not str.split(): it would eat the no-break spaces of French punctuation.
    return re.sub(r"[ \n]+", " ", text).strip(" ")


def _wrapped(text: str) -> str:
    return textwrap.fill(
        _one_line(text), LINE_WIDTH, break_long_words=False, break_on_hyphens=False
    )


def _environment(*, autoescape: bool) -> Environment:
    environment = Environment(
        loader=_templates,
        autoescape=autoescape,  # noqa: S701 - the text part is no markup
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        auto_reload=False,
    )
    environment.filters["wrapped"] = _wrapped
    return environment


_templates = PackageLoader("leadmagnet.mail")
_text = _environment(autoescape=False)
_html = _environment(autoescape=True)


@cache
def _html_layout() -> Template:
    # Inlined before it is filled: once per process instead of once per mail, and the inliner never
    # sees a link that it could rewrite.
    source, _, _ = _templates.get_source(_html, "layout.html")
    return _html.from_string(css_inline.inline(source, load_remote_stylesheets=False))
