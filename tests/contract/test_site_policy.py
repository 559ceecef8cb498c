"""The sample site's privacy policy says what the service does by default."""

from __future__ import annotations

import re
from dataclasses import fields
from datetime import timedelta

from leadmagnet.config import Config
from tests.support.paths import path_of

PAGE = path_of("site/app/pages/confidentialite.vue")


def test_the_policys_days_are_the_settings_defaults():
    (days,) = re.findall(r"const DAYS = \{(.*)\}", PAGE.read_text())
    told = {name: timedelta(days=int(n)) for name, n in re.findall(r"(\w+): (\d+)", days)}
    defaults = {field.name: field.default for field in fields(Config)}
    in_words = {"notMe": "not_me_days"}
    assert told == {name: defaults[in_words.get(name, f"{name}_days")] for name in told}
    assert len(told) == 6
