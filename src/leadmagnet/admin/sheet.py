"""How a row of the list is written: for people who open it in a spreadsheet, and for programs."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from leadmagnet.database import Row

BOM = "\ufeff"
DELIMITERS = {"comma": ",", "semicolon": ";"}


class Column(NamedTuple):
    field: str
    name: str
    heading: str


# In the order of the former system's file, then what it did not have.
COLUMNS = (
    Column("email", "email", "Email"),
    Column("status", "status", "Statut"),
    Column("source", "source", "Source"),
    Column("created_at", "createdAt", "Date inscription"),
    Column("confirmed_at", "confirmedAt", "Date confirmation"),
    Column("downloads", "downloads", "Téléchargements"),
    Column("newsletter", "newsletter", "Newsletter"),
    Column("newsletter_consent_at", "newsletterConsentAt", "Consentement newsletter"),
    Column("newsletter_proof", "newsletterProof", "Preuve du consentement"),
    Column("newsletter_text", "newsletterText", "Texte accepté"),
    Column("newsletter_policy", "newsletterPolicy", "Version de la politique"),
    Column("newsletter_seal", "newsletterSeal", "Sceau"),
    Column("mail", "mail", "Dernier e-mail"),
    Column("locale", "locale", "Langue"),
    Column("id", "id", "Identifiant"),
    Column("export", "export", "Export"),
)
WORDS = {
    "status": {
        "pending": "en attente",
        "confirmed": "confirmé",
        "unsubscribed": "désinscrit",
        "bounced": "adresse en erreur",
        "complained": "plainte",
    },
    "newsletter_proof": {"confirm": "confirmation", "import": "reprise de l’ancien système"},
    "mail": {"queued": "en attente", "sent": "envoyé", "dead": "en échec", "cancelled": "annulé"},
}


def named(row: Row) -> dict[str, Any]:
    """The row as it is, by the names of the contract."""
    return {column.name: row[column.field] for column in COLUMNS}


def lines(rows: Iterable[Row], delimiter: str, zone: ZoneInfo) -> Iterator[str]:
    """A file that Excel, LibreOffice and Numbers open with its accents, every field quoted."""
    between = DELIMITERS[delimiter]
    yield BOM + between.join(_quoted(column.heading) for column in COLUMNS) + "\r\n"
    for row in rows:
        yield between.join(_quoted(_shown(c.field, row[c.field], zone)) for c in COLUMNS) + "\r\n"


def _shown(field: str, value: Any, zone: ZoneInfo) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "oui" if value else "non"
    if isinstance(value, datetime):
        return f"{value.astimezone(zone):%Y-%m-%d %H:%M:%S}"
    return WORDS.get(field, {}).get(value, str(value))


def _quoted(text: str) -> str:
    # A visitor writes the address and the source: neither may become a formula (OWASP, "CSV
    # Injection"), nor what a spreadsheet makes one of when it drops spaces and invisible characters
    # or takes a full-width sign for an ASCII one.
    shown = next((char for char in text if unicodedata.category(char)[0] not in "CMZ"), "")
    begins = unicodedata.normalize("NFKC", shown)
    guard = "'" if begins in ("=", "+", "-", "@") or text[:1] in ("\t", "\r", "\n") else ""
    return '"' + guard + text.replace('"', '""') + '"'
