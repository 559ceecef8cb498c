"""`leadmagnet doctor`: look at everything the service needs, and say what to paste."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterator
from functools import partial
from itertools import groupby
from typing import IO

import click

from leadmagnet.adapters import account
from leadmagnet.adapters.ses import Mailer
from leadmagnet.addresses import AddressRefused, normalise
from leadmagnet.admin.settings import AdminConfig
from leadmagnet.commands.printing import hanging
from leadmagnet.config import Config, ConfigError
from leadmagnet.doctor.examination import CATEGORIES, Checked, examine, made, unmade
from leadmagnet.doctor.findings import Verdict, fail, in_two
from leadmagnet.doctor.real_mail import handed_over
from leadmagnet.doctor.surroundings import surroundings_of
from leadmagnet.services import Services

COLOURS = {
    Verdict.OK: "green",
    Verdict.WARN: "yellow",
    Verdict.FAIL: "red",
    Verdict.SKIPPED: "bright_black",
}


@click.command("doctor")
@click.option("--json", "as_json", is_flag=True, help="One JSON document instead of the page.")
@click.option(
    "--category",
    "categories",
    multiple=True,
    type=click.Choice(list(CATEGORIES)),
    help="Only this one; may be repeated. Default: all.",
)
@click.option(
    "--mail-to",
    type=click.File(encoding="utf-8"),
    help="Also send one real mail to the address in this file (- for stdin).",
)
@click.pass_context
def command(
    context: click.Context, as_json: bool, categories: tuple[str, ...], mail_to: IO[str] | None
) -> None:
    """Look at everything that the service needs, where it runs and with its settings. Nothing is
    changed, and no secret or address is printed.

    A mail to bounce@simulator.amazonses.com has to come back: that proves the way of bounces.

    Ends with 0 when all is well, warnings included; 1 when something fails; 2 when nothing fails,
    but something could not be looked at.
    """
    checked = _checked(categories or tuple(CATEGORIES), _address(mail_to))
    if as_json:
        found = list(checked)
        click.echo(json.dumps(_document(found), ensure_ascii=False, indent=2))
    else:
        found = list(_printed(checked))
    context.exit(_exit_code(found))


def _address(file: IO[str] | None) -> str | None:
    try:
        return normalise(file.read().strip()) if file else None
    except (AddressRefused, UnicodeDecodeError):
        raise click.BadParameter("holds no e-mail address", param_hint="--mail-to") from None


def _checked(categories: Collection[str], mail_to: str | None) -> Iterator[Checked]:
    try:
        config = Config.load()
        AdminConfig.load()
    except ConfigError as error:
        yield Checked("settings", "environment", fail(*_refused(error)))
        yield from unmade(categories, "the settings cannot be read")
        return
    try:
        account.require_usable()
    except ConfigError as error:
        said, fix = in_two(str(error))
        yield Checked("settings", "aws", fail(said, fix))
        yield from unmade(categories, said)
        return
    services = Services.from_config(config, connections=1)
    services.database.open()
    try:
        given = surroundings_of(services)
        yield from examine(given, categories)
        if mail_to:
            send = partial(handed_over, mailer=Mailer(), address=mail_to)
            yield Checked("mail", "real mail", made(send, given))
    finally:
        services.database.close()


def _refused(error: ConfigError) -> tuple[str, str]:
    said, _, where = str(error).partition(" (.env.example")
    return said, f"edit the environment of the service (.env.example{where}"


def _printed(checked: Iterator[Checked]) -> Iterator[Checked]:
    """Print the page while the checks are made, and pass them on."""
    width = max(len(name) for checks in CATEGORIES.values() for name in checks) + 2
    counts: Counter[Verdict] = Counter()
    for category, group in groupby(checked, key=lambda one: one.category):
        click.echo(click.style(f"\n{category}", bold=True))
        # Checks that were skipped for the same reason are one line.
        for finding, same in groupby(group, key=lambda one: one.finding):
            together = list(same)
            counts[finding.verdict] += len(together)
            verdict = click.style(f"{finding.verdict:<9}", fg=COLOURS[finding.verdict])
            name = together[0].check if len(together) == 1 else f"{len(together)} checks"
            click.echo(f"  {verdict}{name:<{width}}{hanging(finding.said, 11 + width)}")
            if finding.fix:
                click.echo(f"{'':<{11 + width}}{click.style('fix:', bold=True)} {finding.fix}")
            yield from together
    click.echo("\n" + ", ".join(f"{counts[verdict]} {verdict}" for verdict in Verdict))


def _document(found: list[Checked]) -> dict[str, object]:
    return {
        "exit": _exit_code(found),
        "checks": [
            {
                "category": one.category,
                "check": one.check,
                "verdict": one.finding.verdict,
                "said": one.finding.said,
                "fix": one.finding.fix,
            }
            for one in found
        ],
    }


def _exit_code(found: list[Checked]) -> int:
    verdicts = {one.finding.verdict for one in found}
    if Verdict.FAIL in verdicts:
        return 1
    return 2 if Verdict.SKIPPED in verdicts else 0
