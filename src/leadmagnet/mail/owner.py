"""The mails to the studio's owner, filled when they are sent: the week's, queued by the clock, and
the one about a webhook endpoint that was disabled."""

from __future__ import annotations

import logging

from leadmagnet.adapters.ses import Mail
from leadmagnet.config import Config
from leadmagnet.database import Database, Row
from leadmagnet.mail.wording import Content, marks, wording_of
from leadmagnet.services import Services

log = logging.getLogger(__name__)


def queue_week(services: Services) -> None:
    """Queue the mail about last week, once, from Monday morning on; nothing without an owner."""
    config = services.config
    if config.owner_mail and services.database.one(
        "owner_week_queue", locale=config.owner_locale, zone=config.time_zone
    ):
        log.info("owner_mail_queued")


def mail_for(row: Row, *, config: Config, database: Database) -> Mail:
    """The mail for a claimed row of a kind that goes to the owner, as things are at this moment."""
    if row["kind"] == "webhook":
        values: Row = {"endpoints": [each["name"] for each in database.all("owner_webhooks")]}
    else:
        week = database.one("owner_week", began=row["asked_at"], zone=config.time_zone)
        values = {"week": week}
    content = compose(row["kind"], row["locale"], values, config=config)
    return Mail(
        sender=config.mail_from,
        to=row["email"],
        subject=content.subject,
        text=content.text,
        html=content.html,
        headers={"Auto-Submitted": "auto-generated"},
        tags={"outbox_id": str(row["id"]), "kind": row["kind"]},
        configuration_set=config.ses_configuration_set,
    )


def compose(kind: str, locale: str, values: Row, *, config: Config) -> Content:
    """The mail of that kind; `values` is what its templates say besides the studio's marks."""
    wording = wording_of(config.mail_templates, config.mail_colour, config.mail_colour_dark)
    return wording.fill(kind, locale, {**marks(config, locale), "link_url": None, **values})
