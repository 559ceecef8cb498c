"""Composes the mails: a subject, a text part and an HTML part that say the same."""

from __future__ import annotations

from datetime import timedelta

from leadmagnet.adapters.ses import Mail
from leadmagnet.config import Config
from leadmagnet.database import Database, Row
from leadmagnet.funnel import tokens
from leadmagnet.mail import owner
from leadmagnet.mail.wording import Content, marks, wording_of


def compose(
    kind: str,
    locale: str,
    *,
    config: Config,
    magnet_title: str,
    newsletter: bool,
    confirmed: bool,
    link_url: str,
    unsubscribe_url: str,
    life: timedelta,
) -> Content:
    """Fill the texts of `<kind>.<locale>.jinja` into both layouts.

    `newsletter`: confirming would also subscribe to the advice by mail. `confirmed`: the address
    is so already, and its way out unsubscribes. Raises KeyError for a kind or locale without texts.
    """
    values = {
        **marks(config, locale),
        "magnet_title": magnet_title,
        "newsletter": newsletter,
        "confirmed": confirmed,
        "link_url": link_url,
        "unsubscribe_url": unsubscribe_url,
        "minutes": life // timedelta(minutes=1),
    }
    wording = wording_of(config.mail_templates, config.mail_colour, config.mail_colour_dark)
    return wording.fill(kind, locale, values)


def page_url(page: str, token: str, *, locale: str, config: Config) -> str:
    """The site's page behind a link. Only the mail knows the language of a link that has died, and
    one that was cut short still says it where the token comes last."""
    return f"{config.site_url}/lead-magnet/{page}?lang={locale}&token={token}"


def life_of(kind: str, config: Config) -> timedelta:
    """How long the link of such a mail works."""
    return config.privacy_link_minutes if kind == "privacy" else config.token_hours


def mail_for(row: Row, *, token: str, config: Config, database: Database) -> Mail:
    """The mail for a claimed row. Its links lead to the site; only the one-click unsubscribe of
    RFC 8058, which mail providers POST to, leads to this API."""
    if row["subscriber_id"] is None:
        return owner.mail_for(row, config=config, database=database)
    unsubscribe = tokens.sign(row["subscriber_id"], config.unsubscribe_keys)
    page = "mes-donnees" if row["kind"] == "privacy" else "confirm"
    content = compose(
        row["kind"],
        row["locale"],
        config=config,
        magnet_title=row["magnet_title"] or "",
        newsletter=row["newsletter"],
        confirmed=row["confirmed"],
        link_url=page_url(page, token, locale=row["locale"], config=config),
        unsubscribe_url=page_url("unsubscribe", unsubscribe, locale=row["locale"], config=config),
        life=life_of(row["kind"], config),
    )
    one_click = f"{config.api_url or config.site_url}/api/lead-magnet/unsubscribe/{unsubscribe}"
    return Mail(
        sender=config.mail_from,
        reply_to=config.reply_to,
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
