"""The operator's own wording: it takes the place of ours, and a broken one refuses the start."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from leadmagnet.commands import main
from leadmagnet.config import Config, ConfigError
from leadmagnet.mail import wording
from leadmagnet.mail.proof import require_whole, sample
from tests.support.settings import SETTINGS

OURS = Path(wording.__file__).parent / "templates"
ENV = {**SETTINGS, "DATABASE_URL": "postgresql://localhost/x"}


@pytest.fixture
def config(tmp_path):
    return Config.from_env({**ENV, "MAIL_TEMPLATES": str(tmp_path)})


def put(folder, name, old, new):
    text = (OURS / name).read_text("utf-8")
    assert old in text
    (folder / name).write_text(text.replace(old, new), encoding="utf-8")


def test_a_file_takes_the_place_of_ours_and_the_others_stay(tmp_path, config):
    put(tmp_path, "confirm.en.jinja", "Your guide is waiting", "Hello from {{ studio }}")
    require_whole(config)
    said = sample(config, "confirm", "en")
    assert "Hello from Light & Shutter" in said.text
    assert "Hello from Light &amp; Shutter" in said.html
    assert "Votre guide vous attend" in sample(config, "confirm", "fr").text


def test_an_own_layout_gets_the_colours_and_is_inlined(tmp_path, config):
    put(tmp_path, "layout.html", '<table class="wide"', '<hr class="link"><table class="wide"')
    require_whole(config)
    assert '<hr class="link" style="color: #7d4c36' in sample(config, "confirm", "fr").html


@pytest.mark.parametrize(
    ("name", "old", "new", "said"),
    [
        ("confirm.fr.jinja", "{{ magnet_title }}", "{{ magnt }}", "confirm.fr.jinja, line 6: 'mag"),
        ("confirm.en.jinja", "{% endblock %}", "", "confirm.en.jinja, line"),
        ("confirm.en.jinja", "{% if newsletter %} It", "{% if newsletter %} {{ x }}", "'x' is und"),
        ("confirm.en.jinja", "{{ studio }} is", "{{ minutes + 'x' }} is", "confirm.en.jinja, line"),
        ("layout.html", '"{{ unsubscribe_url }}"', '"#"', "unsubscribe_url is missing from the HT"),
        ("layout.txt", "{{ link_url }}", "", "link_url is missing from the text"),
        ("layout.txt", "{{ policy_url }}", "", "policy_url is missing from the text"),
        ("layout.txt", "postal_address", "studio", "postal_address is missing from the text"),
        ("layout.html", "<body", '<img src="https://x.example/o.gif"><body', "https://x.example/o"),
        ("layout.html", "<body", "<img src='//x.example/o.gif'><body", "leads to //x.example/o"),
        ("privacy.fr.jinja", "Le lien vers vos données", " ", "privacy.fr: the subject is empty"),
    ],
)
def test_a_broken_template_is_named_with_its_place(tmp_path, config, name, old, new, said):
    put(tmp_path, name, old, new)
    with pytest.raises(ConfigError) as caught:
        require_whole(config)
    assert str(caught.value).startswith("MAIL_TEMPLATES: ")
    assert said in str(caught.value)


def test_a_file_that_no_mail_uses_is_refused(tmp_path, config):
    (tmp_path / "confirm.fr.html").touch()
    with pytest.raises(ConfigError, match=r"confirm\.fr\.html is the name of no template"):
        require_whole(config)


@pytest.mark.parametrize(
    ("folder", "why"),
    [
        ("/nowhere", "No such file or directory"),
        (__file__, "Not a directory"),
        # As one that others may not read, which root reads all the same.
        (f"/{'x' * 300}", "File name too long"),
    ],
)
def test_a_folder_that_cannot_be_read_is_refused(folder, why):
    with pytest.raises(ConfigError) as caught:
        require_whole(Config.from_env({**ENV, "MAIL_TEMPLATES": folder}))
    said = f"MAIL_TEMPLATES: {folder} is no folder that can be read ({why})"
    assert str(caught.value) == said


@pytest.mark.parametrize("command", ["serve", "worker"])
def test_a_start_with_a_broken_template_is_refused_in_a_sentence(tmp_path, command):
    put(tmp_path, "layout.txt", "{{ link_url }}", "")
    given = {**ENV, "MAIL_TEMPLATES": str(tmp_path)}
    result = CliRunner().invoke(main, [command], env=given)
    assert result.exit_code == 1
    assert result.stderr == (
        "Error: MAIL_TEMPLATES: confirm.fr: link_url is missing from the text\n"
    )


@pytest.mark.parametrize("kind", wording.KINDS)
def test_a_preview_writes_html_and_text(tmp_path, kind):
    arguments = ["mails", "preview", kind, "--locale", "en", "--to", str(tmp_path)]
    result = CliRunner().invoke(main, arguments, env={**ENV, "PRIVACY_LINK_MINUTES": "15"})
    assert result.exit_code == 0, result.output
    html, text = (tmp_path / f"{kind}.en.{suffix}" for suffix in ("html", "txt"))
    assert f"{html}\n{text}\n" in result.output
    assert "Light &amp; Shutter" in html.read_text("utf-8")
    assert "Light & Shutter" in text.read_text("utf-8")
    life = "15 minutes" if kind == "privacy" else "48 hours"
    assert f"This link works for {life}." in text.read_text("utf-8")


def test_ours_are_whole():
    config = Config.from_env({**ENV, "MAIL_TEMPLATES": str(OURS)})
    require_whole(config)
