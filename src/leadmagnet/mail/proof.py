"""Proofs of the mails: each rendered whole with made-up values, to be looked at and checked."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from html import escape
from importlib.resources import files
from pathlib import Path
from traceback import walk_tb

from jinja2 import TemplateSyntaxError

from leadmagnet.config import Config, ConfigError
from leadmagnet.mail import owner
from leadmagnet.mail.compose import compose, life_of, page_url
from leadmagnet.mail.wording import KINDS, LOCALES, TO_OWNER, Content

TITLES = {"fr": "Guide de la Mariée Sereine", "en": "The Serene Bride’s Guide"}

WEEK = {
    "first": date(2026, 11, 16),
    "last": date(2026, 11, 22),
    "asked": 48,
    "confirmed": 41,
    "file_handed_out": 40,
    "newsletter": 17,
    "dead_mails": 2,
    "overdue_mails": 3,
    "failed_requests": 1,
    "waiting_requests": 2,
    "examined": True,
    "failing": ["dns", "mail"],
    "skipped_checks": 0,
    "missing_files": 1,
    "disabled_webhooks": 1,
    "unsealed": True,
}
OF_OWNER = {"week": WEEK, "endpoints": ["crm"]}


def sample(
    config: Config, kind: str, locale: str, *, newsletter: bool = True, confirmed: bool = False
) -> Content:
    """The mail as somebody would get it, with links that lead nowhere."""
    if kind in TO_OWNER:
        return owner.compose(kind, locale, OF_OWNER, config=config)
    return compose(
        kind,
        locale,
        config=config,
        magnet_title=TITLES[locale],
        newsletter=newsletter,
        confirmed=confirmed,
        life=life_of(kind, config),
        **_links(config, locale),
    )


def require_whole(config: Config) -> None:
    """Raise ConfigError for the first thing wrong with the files in MAIL_TEMPLATES."""
    if config.mail_templates:
        for fault in _faults(config, config.mail_templates):
            raise ConfigError(f"MAIL_TEMPLATES: {fault}")


def _faults(config: Config, folder: Path) -> Iterator[str]:
    try:
        names = sorted(each.name for each in folder.iterdir())
    except OSError as error:
        yield f"{folder} is no folder that can be read ({error.strerror})"
        return
    ours = {each.name for each in files("leadmagnet.mail").joinpath("templates").iterdir()}
    for name in names:
        if name not in ours and not name.startswith("."):
            yield f"{name} is the name of no template: use {', '.join(sorted(ours))}"
    for kind in KINDS + TO_OWNER:
        for locale in LOCALES:
            for newsletter, confirmed in ((True, False), (False, False), (True, True)):
                try:
                    content = sample(
                        config, kind, locale, newsletter=newsletter, confirmed=confirmed
                    )
                except Exception as error:  # a template can raise anything
                    yield f"{_place(error, folder) or f'{kind}.{locale}.jinja'}: {error}"
                    return
                links = kind not in TO_OWNER
                flaws = _flaws(config, locale, content, links=links)
                yield from (f"{kind}.{locale}: {each}" for each in flaws)


def _flaws(config: Config, locale: str, content: Content, *, links: bool) -> Iterator[str]:
    if not content.subject:
        yield "the subject is empty"
    needed = {
        **(_links(config, locale) if links else {}),
        "policy_url": config.policy_url(locale),
        "controller": config.controller_name,
        "postal_address": config.postal_address,
    }
    for part, said in (("text", content.text), ("HTML", content.html)):
        lines = re.sub(r"[ \n]+", " ", said)
        for name, value in needed.items():
            if (escape(value) if part == "HTML" else value) not in lines:
                yield f"{name} is missing from the {part}"
        for url in re.findall(r"(?i)(?:https?:|(?<=[\"'(]))//[^\s\"'<>)]*", said):
            if not url.startswith(f"{config.site_url}/"):
                yield f"the {part} leads to {url}, and not to SITE_URL"


def _place(error: Exception, folder: Path) -> str | None:
    """The file and line at fault."""
    if isinstance(error, TemplateSyntaxError):
        return f"{error.name}, line {error.lineno}"
    places = [
        f"{Path(name).name}, line {line}"
        for frame, line in walk_tb(error.__traceback__)
        if (name := frame.f_code.co_filename).startswith(str(folder))
    ]
    return places[-1] if places else None


def _links(config: Config, locale: str) -> dict[str, str]:
    return {
        f"{name}_url": page_url(page, "preview", locale=locale, config=config)
        for name, page in (("link", "confirm"), ("unsubscribe", "unsubscribe"))
    }
