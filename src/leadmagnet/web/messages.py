"""The sentence behind each code, for the visitor, in her language: what happened, what to do."""

from __future__ import annotations

LOCALES = ("fr", "en")

ACCEPTED = {
    "fr": "Si cette adresse peut recevoir le guide, un e-mail est en route. Ouvrez-le et appuyez"
    " sur son bouton. Rien reçu ? Regardez dans les indésirables.",
    "en": "If this address can receive the guide, an e-mail is on its way. Open it and press its"
    " button. Nothing there? Look in the junk folder.",
}

RENEWED = {
    "fr": "Si ce lien a été émis par nous, un e-mail avec un lien neuf est en route vers son"
    " destinataire.",
    "en": "If this link was issued by us, an e-mail with a fresh link is on its way to its owner.",
}

PRIVACY_ASKED = {
    "fr": "Si nous avons des données liées à cette adresse, un e-mail avec un lien valable une heure"
    " vient de partir. Rien reçu ? Regardez dans les indésirables.",
    "en": "If we hold anything about this address, an e-mail with a link that works for an hour is on"
    " its way. Nothing there? Look in the junk folder.",
}

PROBLEMS: dict[str, dict[str, str]] = {
    "request_malformed": {
        "fr": "La requête n’est pas lisible. Rechargez la page et réessayez.",
        "en": "The request cannot be read. Reload the page and try again.",
    },
    "json_malformed": {
        "fr": "Le corps de la requête doit être un seul objet JSON en UTF-8. Corrigez-le et renvoyez-le.",
        "en": "The body must be one JSON object in UTF-8. Correct it and send it again.",
    },
    "unauthorized": {
        "fr": "Cette page demande une clé. Envoyez-la dans l’en-tête Authorization: Bearer.",
        "en": "This page asks for a key. Send it in the header Authorization: Bearer.",
    },
    "not_found": {
        "fr": "Cette adresse ne mène nulle part. Vérifiez-la.",
        "en": "There is nothing at this address. Check it.",
    },
    "magnet_unknown": {
        "fr": "Ce guide n’existe pas ou n’est plus proposé. Revenez à la page d’accueil.",
        "en": "This guide does not exist or is no longer offered. Go back to the home page.",
    },
    "token_unknown": {
        "fr": "Ce lien n’est pas valable. Vérifiez qu’il a été copié en entier, ou demandez-en un autre.",
        "en": "This link is not valid. Check that it was copied whole, or ask for another one.",
    },
    "token_expired": {
        "fr": "Ce lien a expiré. Demandez-en un neuf, il arrive par e-mail.",
        "en": "This link has expired. Ask for a fresh one, it comes by e-mail.",
    },
    "token_used_up": {
        "fr": "Ce lien a servi trop souvent. Demandez-en un neuf, il arrive par e-mail.",
        "en": "This link was used too often. Ask for a fresh one, it comes by e-mail.",
    },
    "signup_limit": {
        "fr": "Trop d’inscriptions sont parties de votre connexion. Réessayez dans une heure : l’e-mail"
        " déjà demandé arrive quand même.",
        "en": "Too many signups came from your connection. Try again in an hour: the e-mail you already"
        " asked for arrives all the same.",
    },
    "guess_limit": {
        "fr": "Trop de liens non valables sont venus de votre connexion. Ouvrez le lien de l’e-mail, ou"
        " redemandez le guide.",
        "en": "Too many invalid links came from your connection. Open the link in the e-mail, or ask for"
        " the guide again.",
    },
    "privacy_limit": {
        "fr": "Trop de demandes sont parties de votre connexion. Réessayez dans une heure, ou répondez à"
        " l’un de nos e-mails.",
        "en": "Too many requests came from your connection. Try again in an hour, or reply to one of our"
        " e-mails.",
    },
    "turnstile_failed": {
        "fr": "La vérification anti-robot n’a pas abouti. Rechargez la page et recommencez.",
        "en": "The check against robots did not succeed. Reload the page and start again.",
    },
    "token_invalid": {
        "fr": "Le champ « token » doit être le texte qui suit « token= » dans le lien.",
        "en": "The field “token” must be the text after “token=” in the link.",
    },
    "method_not_allowed": {
        "fr": "Cette méthode n’est pas permise ici. L’en-tête Allow dit lesquelles le sont.",
        "en": "This method is not allowed here. The Allow header says which are.",
    },
    "body_timeout": {
        "fr": "La requête n’est pas arrivée en entier, ou trop lentement. Réessayez.",
        "en": "The request did not arrive as a whole, or too slowly. Try again.",
    },
    "body_too_large": {
        "fr": "La requête est trop grande. Envoyez moins de données.",
        "en": "The request is too large. Send less.",
    },
    "media_type_unsupported": {
        "fr": "Envoyez le corps en JSON, avec l’en-tête Content-Type: application/json.",
        "en": "Send the body as JSON, with the header Content-Type: application/json.",
    },
    "email_invalid": {
        "fr": "Cette adresse e-mail n’est pas valable. Vérifiez-la, par exemple nom@domaine.fr.",
        "en": "This e-mail address is not valid. Check it; it should look like name@domain.com.",
    },
    "email_unsupported": {
        "fr": "Notre service d’envoi ne sait pas écrire à une adresse accentuée avant le @. Donnez-en"
        " une autre.",
        "en": "Our mail service cannot write to an address with accents before the @. Give another one.",
    },
    "consent_required": {
        "fr": "Cochez la case qui permet de vous envoyer le guide : sans elle, nous ne pouvons pas écrire.",
        "en": "Tick the box that lets us send you the guide: without it we may not write to you.",
    },
    "consent_unknown": {
        "fr": "Le texte accepté n’est plus celui de la page. Rechargez la page et recommencez.",
        "en": "The text you agreed to is no longer the page’s. Reload the page and start again.",
    },
    "locale_unknown": {
        "fr": "La langue doit être « fr » ou « en ».",
        "en": "The language must be “fr” or “en”.",
    },
    "field_invalid": {
        "fr": "Ce champ n’a pas la forme attendue. Corrigez-le.",
        "en": "This field does not have the expected form. Correct it.",
    },
    "field_unknown": {
        "fr": "Ce champ n’existe pas. Enlevez-le.",
        "en": "This field does not exist. Remove it.",
    },
    "service_unavailable": {
        "fr": "Le service est momentanément indisponible. Rien n’est perdu : réessayez dans un instant.",
        "en": "The service is unavailable for a moment. Nothing is lost: try again shortly.",
    },
    "not_migrated": {
        "fr": "La base n’a pas les tables de cette version. Lancez leadmagnet migrate.",
        "en": "The database lacks the tables of this version. Run leadmagnet migrate.",
    },
    "grants_missing": {
        "fr": "Le rôle de l’application n’a pas ses droits. Lancez leadmagnet migrate avec APP_ROLE.",
        "en": "The application’s role lacks its grants. Run leadmagnet migrate with APP_ROLE set.",
    },
    "database_read_only": {
        "fr": "Ce serveur PostgreSQL n’accepte pas d’écriture. DATABASE_URL doit mener au primaire.",
        "en": "This PostgreSQL server takes no writes. DATABASE_URL must lead to the primary.",
    },
    "file_unavailable": {
        "fr": "Votre confirmation est notée, mais le fichier n’est pas disponible pour l’instant."
        " Réessayez dans un instant.",
        "en": "Your confirmation is noted, but the file is not available right now. Try again shortly.",
    },
    "message_malformed": {
        "fr": "Ce message n’a pas la forme de ceux d’Amazon SNS. Vérifiez l’abonnement du sujet.",
        "en": "This message does not have the form of Amazon SNS’s. Check the topic’s subscription.",
    },
    "message_untrusted": {
        "fr": "Ce message n’est pas signé par Amazon SNS pour un sujet autorisé. Vérifiez SNS_TOPICS et la"
        " version 2 de la signature.",
        "en": "This message is not signed by Amazon SNS for an allowed topic. Check SNS_TOPICS and"
        " signature version 2.",
    },
    "internal_error": {
        "fr": "Une erreur est survenue de notre côté. Réessayez plus tard.",
        "en": "Something went wrong on our side. Try again later.",
    },
}
