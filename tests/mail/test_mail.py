"""The mails: true links, good typography, readable in both lights, nothing a visitor typed."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from html import escape
from html.parser import HTMLParser

import pytest

from leadmagnet.config import Config
from leadmagnet.mail import compose as mail
from leadmagnet.mail.proof import sample
from leadmagnet.mail.wording import KINDS, LOCALES, Content
from leadmagnet.studio import contrast
from tests.support.settings import SETTINGS

MAILS = [(kind, locale) for kind in KINDS for locale in LOCALES]
CONFIG = Config.from_env({**SETTINGS, "DATABASE_URL": "postgresql://localhost/x"})
POLICY = CONFIG.policy_url("fr")
LINK = "https://www.example.org/lead-magnet/confirm?token=dGVzdA_-"
LEAVE = "https://www.example.org/lead-magnet/unsubscribe?token=bGVhdmU_-"
NBSP = "\u00a0"

every_mail = pytest.mark.parametrize(("kind", "locale"), MAILS)
every_theme = pytest.mark.parametrize("theme", ["light", "dark", "outlook.com"])


def compose(
    kind: str,
    locale: str,
    *,
    magnet_title: str = "Guide de la Mariée Sereine",
    newsletter: bool = False,
    confirmed: bool = False,
    link_url: str = LINK,
    unsubscribe_url: str = LEAVE,
    life: timedelta = timedelta(hours=48),
    config: Config = CONFIG,
) -> Content:
    return mail.compose(
        kind,
        locale,
        config=config,
        magnet_title=magnet_title,
        newsletter=newsletter,
        confirmed=confirmed,
        link_url=link_url,
        unsubscribe_url=unsubscribe_url,
        life=life,
    )


class Page(HTMLParser):
    """What a mail program makes of the HTML: its elements, links, and texts with their styles."""

    VOID = frozenset({"meta", "br", "img", "link", "hr"})

    def __init__(self, html: str, theme: str = "light") -> None:
        super().__init__()
        self.repaint = repaint(html, theme)
        self.styles: list[dict[str, str]] = [{}]
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.texts: list[tuple[str, dict[str, str]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.elements.append((tag, given))
        if tag in self.VOID:
            return
        style = self.styles[-1] | declarations(given.get("style", ""))
        for name in given.get("class", "").split():
            style |= self.repaint.get(name, {})
        self.styles.append(style)
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag
        self.styles.pop()

    def handle_data(self, data: str) -> None:
        seen = self.styles[-1].get("display") != "none" and "head" not in self.open
        if data.strip() and seen:
            self.texts.append((" ".join(re.split(r"[ \n]+", data)).strip(" "), self.styles[-1]))

    def attributes(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def links(self) -> list[str]:
        return [attributes["href"] for attributes in self.attributes("a")]

    @property
    def words(self) -> str:
        return " ".join(text for text, _ in self.texts)


def declarations(css: str) -> dict[str, str]:
    pairs = (each.split(":", 1) for each in css.replace("!important", "").split(";") if ":" in each)
    return {name.strip(): value.strip() for name, value in pairs}


def repaint(html: str, theme: str) -> dict[str, dict[str, str]]:
    """The colours by class that a dark theme lays over the inlined ones."""
    match = re.search(r"<style.*?>(.*?)</style>", html, re.DOTALL)
    assert match
    dark = re.search(r"\(prefers-color-scheme: dark\) \{(.*?\})\s*\}", match[1], re.DOTALL)
    assert dark
    rules = {
        "light": [],
        "dark": re.findall(r"([^{}]+)\{([^}]*)\}", dark[1]),
        "outlook.com": re.findall(r"(\[data-ogs[^{}]+)\{([^}]*)\}", match[1]),
    }[theme]
    painted: dict[str, dict[str, str]] = {}
    for selectors, css in rules:
        for name in re.findall(r"\.([\w-]+)", selectors):
            painted[name] = painted.get(name, {}) | declarations(css)
    return painted


def text_links(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith("http")]


def without_links(text: str) -> str:
    return re.sub(r"https?://\S+", "", text)


def everything_read(content: Content) -> Iterator[str]:
    yield content.subject
    yield without_links(content.text)
    yield without_links(Page(content.html).words)
    preheader = re.search(r'class="preheader"[^>]*>(.*?)</div>', content.html)
    assert preheader
    yield preheader[1]


def test_the_contrast_function_knows_the_two_ends_of_the_scale() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@every_mail
@pytest.mark.parametrize(
    "query", ["token=abc_-", "token=abc&from=mail&copy=1", 'token="abc"', "token=<b>'%20é"]
)
def test_every_link_is_exactly_the_given_one(kind: str, locale: str, query: str) -> None:
    link, leave = f"https://a.example/confirm?{query}", f"https://a.example/leave?{query}"
    content = compose(kind, locale, link_url=link, unsubscribe_url=leave)
    assert Page(content.html).links == [link, link, leave, POLICY]
    assert text_links(content.text) == [link, leave, POLICY]


@every_mail
def test_the_bare_address_below_the_button_can_be_copied(kind: str, locale: str) -> None:
    texts = [text for text, _ in Page(compose(kind, locale).html).texts]
    assert LINK in texts


@every_mail
def test_text_and_html_say_the_same(kind: str, locale: str) -> None:
    content = compose(kind, locale)
    page = Page(content.html)
    paragraphs = re.split(r"\n\n|\n(?=http)", without_links(content.text).replace("* * *", ""))
    sentences = [" ".join(re.split(r"[ \n]+", each)).strip() for each in paragraphs]
    assert [each for each in sentences if each not in page.words] == []
    assert set(text_links(content.text)) == set(page.links)


@pytest.mark.parametrize(("kind", "locale"), [each for each in MAILS if each[0] != "privacy"])
def test_a_title_with_markup_stays_text(kind: str, locale: str) -> None:
    title = 'Robes & <b onclick="x()">Voiles</b>'
    content = compose(kind, locale, magnet_title=title)
    assert title in Page(content.html).words
    assert title in re.sub(r"\n", " ", content.text)
    assert "<b " not in content.html


@pytest.mark.parametrize(("locale", "word"), [("fr", "conseils"), ("en", "advice")])
def test_the_mail_says_when_the_click_would_subscribe_to_the_newsletter(
    locale: str, word: str
) -> None:
    for newsletter in (True, False):
        content = compose("confirm", locale, newsletter=newsletter)
        for part in (content.text, content.html):
            assert (word in part) is newsletter


@pytest.mark.parametrize(
    ("locale", "not_me", "unsubscribe"),
    [("fr", "Ce n’était pas moi", "Me désinscrire"), ("en", "This wasn’t me", "Unsubscribe")],
)
def test_whoever_is_confirmed_already_is_offered_what_the_page_offers_them(
    locale: str, not_me: str, unsubscribe: str
) -> None:
    for confirmed, offered in ((False, not_me), (True, unsubscribe)):
        content = compose("confirm", locale, newsletter=True, confirmed=confirmed)
        assert f">{offered}</a>" in content.html
        assert f"\n{offered}\n" in content.text


def test_an_english_mail_links_to_the_english_policy_where_there_is_one() -> None:
    config = replace(CONFIG, policy_path_en="/en/privacy")
    for locale, path in (("fr", CONFIG.policy_path), ("en", "/en/privacy")):
        assert sample(config, "confirm", locale).text.count(f"{config.site_url}{path}\n") == 1


@every_mail
def test_the_button_opens_a_page_where_another_one_acts(kind: str, locale: str) -> None:
    button = re.search(r'<a class="action"[^>]*>([^<]+)</a>', compose(kind, locale).html)
    assert button
    assert button[1].split()[0] == {"fr": "Ouvrir", "en": "Open"}[locale]


def test_nothing_typed_by_a_visitor_can_be_printed() -> None:
    assert set(inspect.signature(mail.compose).parameters) == {
        "kind",
        "locale",
        "config",
        "magnet_title",
        "newsletter",
        "confirmed",
        "link_url",
        "unsubscribe_url",
        "life",
    }


@every_mail
def test_no_template_mark_is_left(kind: str, locale: str) -> None:
    content = compose(kind, locale)
    for part in (content.subject, content.text, content.html):
        assert not re.search(r"\{\{|\{%|\{#|%\}|#\}|(?<!\})\}\}(?!\})", part)


@every_mail
def test_the_subject_is_one_short_line(kind: str, locale: str) -> None:
    subject = compose(kind, locale).subject
    assert subject.replace(NBSP, " ").isprintable()
    assert 0 < len(subject) < 60


@every_mail
def test_lines_of_text_are_short_but_for_links(kind: str, locale: str) -> None:
    content = compose(kind, locale)
    assert content.text.endswith("\n")
    assert max(len(line) for line in without_links(content.text).splitlines()) < 78


@every_mail
def test_a_mail_is_small_and_loads_nothing(kind: str, locale: str) -> None:
    content = compose(kind, locale)
    assert len((content.subject + content.text + content.html).encode()) < 20_000
    assert not re.search(r"<img|<link|<script|<iframe|url\(|@import|\ssrc=", content.html)


@every_mail
def test_the_mail_names_its_language_title_and_colour_schemes(kind: str, locale: str) -> None:
    content = compose(kind, locale)
    page = Page(content.html)
    metas = {meta.get("name"): meta.get("content") for meta in page.attributes("meta")}
    assert page.attributes("html")[0]["lang"] == locale
    assert f"<title>{escape(content.subject)}</title>" in content.html
    assert metas["color-scheme"] == metas["supported-color-schemes"] == "light dark"


@every_mail
def test_a_screen_reader_finds_one_heading_and_no_data_table(kind: str, locale: str) -> None:
    page = Page(compose(kind, locale).html)
    assert len(page.attributes("h1")) == 1
    assert {table.get("role") for table in page.attributes("table")} == {"presentation"}


@every_mail
@every_theme
def test_every_text_stands_out_from_its_background(kind: str, locale: str, theme: str) -> None:
    texts = Page(compose(kind, locale).html, theme).texts
    pale = [
        (text, style["color"], style["background-color"])
        for text, style in texts
        if contrast(style["color"], style["background-color"]) < 4.5
    ]
    assert texts
    assert pale == []


@every_mail
def test_outlook_com_gets_the_same_dark_colours(kind: str, locale: str) -> None:
    html = compose(kind, locale).html
    dark = [(text, s["color"], s["background-color"]) for text, s in Page(html, "dark").texts]
    ogs = [(text, s["color"], s["background-color"]) for text, s in Page(html, "outlook.com").texts]
    assert dark == ogs


@every_mail
def test_every_text_has_at_least_sixteen_pixels(kind: str, locale: str) -> None:
    for text, style in Page(compose(kind, locale).html).texts:
        assert int(style["font-size"].removesuffix("px")) >= 16, text


@pytest.mark.parametrize("kind", KINDS)
def test_french_keeps_its_punctuation_together_and_its_apostrophes_curved(kind: str) -> None:
    for part in everything_read(compose(kind, "fr")):
        assert not re.search(rf"(?<!{NBSP})[:;?!»]|«(?!{NBSP})", part), part
        assert "'" not in part and '"' not in part


@pytest.mark.parametrize("kind", KINDS)
def test_english_has_no_straight_quotes_and_no_french_spaces(kind: str) -> None:
    for part in everything_read(compose(kind, "en")):
        assert not re.search(rf"['\"{NBSP}]", part), part


@pytest.mark.parametrize(
    ("locale", "minutes", "said"),
    [
        ("fr", 48 * 60, f"48{NBSP}heures."),
        ("fr", 90, f"90{NBSP}minutes."),
        ("fr", 15, f"15{NBSP}minutes."),
        ("fr", 60, f"1{NBSP}heure."),
        ("fr", 1, f"1{NBSP}minute."),
        ("en", 48 * 60, "48 hours."),
        ("en", 15, "15 minutes."),
        ("en", 60, "1 hour."),
        ("en", 1, "1 minute."),
    ],
)
@pytest.mark.parametrize("kind", KINDS)
def test_the_mail_says_how_long_its_link_works(
    kind: str, locale: str, minutes: int, said: str
) -> None:
    content = compose(kind, locale, life=timedelta(minutes=minutes))
    assert said in content.text
    assert said in Page(content.html).words


@pytest.mark.parametrize(
    ("locale", "said"),
    [("fr", "Si vous ne confirmez pas, rien ne"), ("en", "If you do not confirm, nothing happens")],
)
def test_the_opt_in_says_that_nothing_happens_without_a_confirmation(
    locale: str, said: str
) -> None:
    content = compose("confirm", locale)
    assert said in content.text
    assert said in Page(content.html).words


@every_mail
def test_the_foot_names_who_writes_where_they_are_and_their_policy(kind: str, locale: str) -> None:
    config = replace(CONFIG, controller="Obturateur SARL", postal_address="2 quai Nord, Lyon")
    content = compose(kind, locale, config=config)
    for part in (content.text, Page(content.html).words):
        assert "Obturateur SARL, 2 quai Nord, Lyon" in part
        assert {"fr": "Aucun traceur", "en": "No tracking"}[locale] in part


@every_mail
def test_ses_is_told_to_track_no_link(kind: str, locale: str) -> None:
    links = Page(compose(kind, locale).html).attributes("a")
    assert links
    assert all("ses:no-track" in link for link in links)


@every_mail
def test_a_mail_bears_the_name_monogram_and_colours_of_the_studio(kind: str, locale: str) -> None:
    config = replace(
        CONFIG, studio_name="Anna & Fils", mail_colour="#004488", mail_colour_dark="#99ccff"
    )
    html = compose(kind, locale, config=config).html
    assert "A&amp;F</td>" in html
    assert ">Anna &amp; Fils</div>" in html
    assert "#004488" in html and "#99ccff" in html
    assert CONFIG.mail_colour not in html and CONFIG.mail_colour_dark not in html
    assert "L&amp;S" not in html and "Light" not in html


@pytest.mark.parametrize(
    ("kind", "locale"),
    [
        ("receipt", "fr"),
        ("confirm", "de"),
        ("", ""),
        ("../download", "fr"),
        ("layout", "html"),
        ("shared", "fr"),
    ],
)
def test_an_unknown_mail_is_refused(kind: str, locale: str) -> None:
    with pytest.raises(KeyError):
        compose(kind, locale)
