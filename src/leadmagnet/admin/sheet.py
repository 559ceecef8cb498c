"""What a spreadsheet shows of the list, in French."""

from __future__ import annotations

BOM = "\ufeff"
DELIMITERS = {"comma": ",", "semicolon": ";"}
# In the order of the former system's file, then what it did not have.
HEADINGS = (
    *("Email", "Statut", "Source", "Date inscription", "Date confirmation", "Téléchargements"),
    *("Newsletter", "Consentement newsletter", "Preuve du consentement", "Texte accepté"),
    *("Version de la politique", "Sceau", "Dernier e-mail", "Langue", "Identifiant", "Export"),
)
WORDS = {
    "status": {
        "pending": "en attente",
        "confirmed": "confirmé",
        "unsubscribed": "désinscrit",
        "bounced": "adresse en erreur",
        "complained": "plainte",
    },
    "newsletter": {"true": "oui", "false": "non"},
    "proof": {"confirm": "confirmation", "import": "reprise de l’ancien système"},
    "mail": {"queued": "en attente", "sent": "envoyé", "dead": "en échec", "cancelled": "annulé"},
}


def heading(delimiter: str) -> str:
    """The first line of a file that Excel, LibreOffice and Numbers open with its accents."""
    return BOM + delimiter.join(f'"{name}"' for name in HEADINGS) + "\r\n"
