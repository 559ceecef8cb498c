"""The wording of the mails: templates, ours or the operator's, and how they are filled."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import css_inline
from jinja2 import ChoiceLoader, Environment, FileSystemLoader, PackageLoader, StrictUndefined

from leadmagnet.config import Config

KINDS = ("confirm", "download", "privacy")
# To the studio's owner, without links to act on.
TO_OWNER = ("week", "webhook")
LOCALES = ("fr", "en")
LINE_WIDTH = 76
# The studio's colours as the layout is written, to be replaced.
COLOUR, COLOUR_DARK = "#7d4c36", "#e6c3a8"


@dataclass(frozen=True)
class Content:
    subject: str
    text: str
    html: str


class Wording:
    """The templates. A file of the folder takes the place of ours of the same name."""

    def __init__(self, folder: Path | None, colour: str, colour_dark: str) -> None:
        own = [FileSystemLoader(folder)] if folder else []
        loader = ChoiceLoader([*own, PackageLoader("leadmagnet.mail")])
        self._text = _environment(loader, autoescape=False)
        self._html = _environment(loader, autoescape=True)
        # Inlined before it is filled: once per process instead of once per mail, and the inliner
        # never sees a link that it could rewrite.
        source, name, _ = loader.get_source(self._html, "layout.html")
        source = source.replace(COLOUR, colour).replace(COLOUR_DARK, colour_dark)
        inlined = css_inline.inline(source, load_remote_stylesheets=False)
        code = self._html.compile(inlined, "layout.html", name)
        self._layout_html = self._html.template_class.from_code(
            self._html, code, self._html.globals
        )
        self._layout_text = self._text.get_template("layout.txt")

    def fill(self, kind: str, locale: str, values: Mapping[str, Any]) -> Content:
        """The mail. Raises KeyError for a kind or locale without texts."""
        if kind not in KINDS + TO_OWNER or locale not in LOCALES:
            raise KeyError(f"no mail {kind!r} in {locale!r}")
        name = f"{kind}.{locale}.jinja"
        as_text, as_html = self._text.get_template(name), self._html.get_template(name)
        # A fault in a template is named with its line by what renders it whole: these come first.
        text = as_text.render(values, layout=self._layout_text)
        html = as_html.render(values, layout=self._layout_html)
        subject = as_text.blocks["subject"](as_text.new_context(dict(values)))
        return Content(subject=_one_line("".join(subject)), text=text, html=html)


wording_of = cache(Wording)


def marks(config: Config, locale: str) -> dict[str, str]:
    """The studio's marks, for any mail."""
    return {
        "locale": locale,
        "studio": config.studio_name,
        "monogram": config.monogram or _initials(config.studio_name),
        "controller": config.controller_name,
        "postal_address": config.postal_address,
        "policy_url": config.policy_url(locale),
    }


def _initials(name: str) -> str:
    return "".join(word[0] for word in name.split()[:3])


def _one_line(text: str) -> str:
    # Not str.split(): it would eat the no-break spaces of French punctuation.
    return re.sub(r"[ \n]+", " ", text).strip(" ")


def _wrapped(text: str) -> str:
    return textwrap.fill(
        _one_line(text), LINE_WIDTH, break_long_words=False, break_on_hyphens=False
    )


def _environment(loader: ChoiceLoader, *, autoescape: bool) -> Environment:
    environment = Environment(
        loader=loader,
        autoescape=autoescape,  # noqa: S701 - the text part is no markup
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        auto_reload=False,
    )
    environment.filters["wrapped"] = _wrapped
    return environment
