"""Why a mail did not go, for an owner who does not know Amazon's words: a cause, and what to do."""

from __future__ import annotations

# The words of adapters/ses.py and of the send rate limiter, by what the owner can do about them.
_ACCESS = (
    *("AccessDeniedException", "AccessDenied", "UnrecognizedClientException"),
    *("InvalidClientTokenId", "InvalidAccessKeyId", "ExpiredTokenException", "ExpiredToken"),
    *("RequestExpired", "OptInRequired", "SignatureDoesNotMatch", "InvalidSignatureException"),
    *("IncompleteSignature", "MissingAuthenticationToken", "NotAuthorized", "credentials"),
    "MissingAuthenticationTokenException",
)
REASONS = {
    **dict.fromkeys(_ACCESS, "access"),
    **dict.fromkeys(("AccountSuspendedException", "SendingPausedException"), "suspended"),
    **dict.fromkeys(("MailFromDomainNotVerifiedException", "NotFoundException"), "sender"),
    **dict.fromkeys(("BadRequestException", "ValidationException"), "refused"),
    "MessageRejected": "refused",
    "throttled": "throttled",
    "operator": "operator",
    "bounces": "bounces",
    "database_copied": "copied",
}
_ASK_FR = "Demandez à la personne qui s’occupe du serveur, puis reprenez l’envoi."
_ASK_EN = "Ask the person who looks after the server, then resume sending."
_WORDS: dict[str, dict[str, tuple[str, str]]] = {
    "access": {
        "fr": ("Amazon SES refuse l’accès du serveur.", _ASK_FR),
        "en": ("Amazon SES refuses the server’s access.", _ASK_EN),
    },
    "suspended": {
        "fr": (
            "Amazon a suspendu l’envoi du compte.",
            "Répondez au message d’Amazon dans la console SES, puis reprenez l’envoi.",
        ),
        "en": (
            "Amazon has suspended sending for the account.",
            "Answer Amazon’s message in the SES console, then resume sending.",
        ),
    },
    "sender": {
        "fr": ("L’adresse ou le domaine d’envoi n’est pas vérifié chez Amazon SES.", _ASK_FR),
        "en": ("The sending address or domain is not verified at Amazon SES.", _ASK_EN),
    },
    "refused": {
        "fr": (
            "Amazon SES refuse cet e-mail.",
            "Lisez sa phrase : l’adresse d’envoi n’est peut-être pas vérifiée. Corrigez, puis"
            " relancez.",
        ),
        "en": (
            "Amazon SES refuses this mail.",
            "Read its sentence: perhaps the sender is not verified. Correct it, then retry.",
        ),
    },
    "throttled": {
        "fr": (
            "Amazon SES demande de ralentir.",
            "Attendez : l’envoi reprend de lui-même.",
        ),
        "en": ("Amazon SES asks to slow down.", "Wait: sending goes on by itself."),
    },
    "operator": {
        "fr": (
            "Quelqu’un a arrêté l’envoi.",
            "Demandez pourquoi, puis reprenez l’envoi.",
        ),
        "en": ("Somebody has stopped sending.", "Ask why, then resume sending."),
    },
    "bounces": {
        "fr": (
            "Trop d’adresses récentes n’existent pas.",
            "Cherchez d’où viennent ces inscriptions avant de reprendre l’envoi.",
        ),
        "en": (
            "Too many of the latest addresses do not exist.",
            "Find out where these signups come from before you resume sending.",
        ),
    },
    "copied": {
        "fr": (
            "Cette base de données est une copie : l’original a peut-être envoyé ses e-mails.",
            "Ne reprenez l’envoi que si l’original est arrêté.",
        ),
        "en": (
            "This database is a copy: the original may have sent its mails.",
            "Resume sending only if the original is stopped.",
        ),
    },
    "unreachable": {
        "fr": (
            "Amazon SES n’a pas répondu comme prévu.",
            "Attendez le prochain essai ; si l’e-mail est en échec, relancez-le.",
        ),
        "en": (
            "Amazon SES did not answer as expected.",
            "Wait for the next try; if the mail is dead, retry it.",
        ),
    },
}


def explained(reason: str | None, locale: str) -> dict[str, str | None]:
    """The cause and what to do, in the language; nothing where there is no reason."""
    if reason is None:
        return {"cause": None, "what_to_do": None}
    cause, what_to_do = _WORDS[REASONS.get(reason, "unreachable")][locale]
    return {"cause": cause, "what_to_do": what_to_do}
