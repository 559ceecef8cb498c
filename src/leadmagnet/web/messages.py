"""The text of each code in the visitor's language: what happened, and what to do next."""

from __future__ import annotations

from leadmagnet.web.admin_messages import ADMIN_PROBLEMS

LOCALES = ("fr", "en")

ACCEPTED = {
    "fr": "Si cette adresse peut recevoir le guide, un e-mail est en route. Ouvrez-le et cliquez"
    " sur le bouton. Rien reçu ? Regardez dans les indésirables.",
    "en": "If this address can receive the guide, an e-mail is on its way. Open it and click its"
    " button. Nothing there? Check your spam folder.",
}

RENEWED = {
    "fr": "Si ce lien vient de nous, un e-mail avec un nouveau lien est en route vers son"
    " destinataire.",
    "en": "If this link is one of ours, an e-mail with a new link is on its way to its recipient.",
}

PRIVACY_ASKED = {
    "fr": "Si nous avons des données liées à cette adresse, un e-mail avec un lien personnel"
    " est en route. Rien reçu ? Regardez dans les indésirables.",
    "en": "If we hold anything about this address, an e-mail with a personal link is on its way."
    " Nothing there? Check your spam folder.",
}

PROBLEMS: dict[str, dict[str, str]] = {
    "request_malformed": {
        "fr": "Cette requête est illisible ou trop longue. Ouvrez de nouveau la page, par son adresse ou par"
        " le lien de l’e-mail, et recommencez.",
        "en": "This request is unreadable or too long. Open the page anew, by its address or by the link in"
        " the e-mail, and start again.",
    },
    "json_malformed": {
        "fr": "Le corps de la requête doit être un seul objet JSON en UTF-8. Corrigez-le et renvoyez-le.",
        "en": "The body must be one JSON object in UTF-8. Correct it and send it again.",
    },
    "unauthorized": {
        "fr": "Cette adresse demande une clé. Envoyez-la dans l’en-tête Authorization: Bearer.",
        "en": "A key is needed here. Send it in the Authorization: Bearer header.",
    },
    "not_found": {
        "fr": "Cette adresse ne mène nulle part. Vérifiez-la.",
        "en": "There is nothing at this address. Check it for typing errors.",
    },
    "magnet_unknown": {
        "fr": "Ce guide n’existe pas ou n’est plus proposé. Vérifiez le lien qui vous y a mené.",
        "en": "This guide does not exist or is no longer offered. Check the link that led you to it.",
    },
    "token_unknown": {
        "fr": "Ce lien n’est pas valable. Vérifiez qu’il a été copié en entier, ou rouvrez celui de l’e-mail.",
        "en": "This link is not valid. Check that it was copied in full, or open the one in the e-mail.",
    },
    "token_expired": {
        "fr": "Ce lien a expiré. Demandez-en un nouveau : nous vous l’enverrons par e-mail.",
        "en": "This link has expired. Request a new one and we will e-mail it to you.",
    },
    "token_used_up": {
        "fr": "Ce lien a été utilisé trop de fois. Demandez-en un nouveau : nous vous l’enverrons par"
        " e-mail.",
        "en": "This link has been used too many times. Request a new one and we will e-mail it to you.",
    },
    "signup_limit": {
        "fr": "Trop d’inscriptions ont été envoyées depuis votre connexion. Réessayez dans une heure."
        " L’e-mail déjà demandé arrivera quand même.",
        "en": "Too many signups have come from your connection. Try again in an hour. The e-mail you have"
        " already requested will still arrive.",
    },
    "guess_limit": {
        "fr": "Trop de liens non valables ont été ouverts depuis votre connexion. Ouvrez celui de l’e-mail,"
        " ou réessayez dans une heure.",
        "en": "Too many invalid links have been opened from your connection. Open the one in the e-mail,"
        " or try again in an hour.",
    },
    "privacy_limit": {
        "fr": "Trop de demandes ont été envoyées depuis votre connexion. Réessayez dans une heure, ou répondez à"
        " l’un de nos e-mails.",
        "en": "Too many requests have come from your connection. Try again in an hour, or reply to one of our"
        " e-mails.",
    },
    "renewal_limit": {
        "fr": "Trop de demandes de lien sont parties de votre connexion. Réessayez dans une heure.",
        "en": "Too many requests for a link came from your connection. Try again in an hour.",
    },
    "turnstile_failed": {
        "fr": "La vérification anti-robot n’a pas abouti. Rechargez la page et recommencez.",
        "en": "The anti-robot check failed. Reload the page and start again.",
    },
    "token_invalid": {
        "fr": "Ce lien est incomplet. Rouvrez celui de l’e-mail, ou copiez-le en entier.",
        "en": "This link is incomplete. Open the one in the e-mail again, or copy all of it.",
    },
    "method_not_allowed": {
        "fr": "Cette méthode n’est pas permise ici. L’en-tête Allow dit lesquelles le sont.",
        "en": "This method is not allowed here. The Allow header lists those that are.",
    },
    "body_timeout": {
        "fr": "La requête n’est pas arrivée en entier, ou trop lentement. Réessayez.",
        "en": "The request arrived incomplete or too slowly. Try again.",
    },
    "body_too_large": {
        "fr": "La requête est trop grande. Envoyez moins de données.",
        "en": "The request is too large. Send less data.",
    },
    "media_type_unsupported": {
        "fr": "Envoyez le corps en JSON et en UTF-8, avec l’en-tête Content-Type: application/json.",
        "en": "Send the body as JSON in UTF-8, with the header Content-Type: application/json.",
    },
    "email_invalid": {
        "fr": "Cette adresse e-mail n’est pas valable. Vérifiez-la, par exemple nom@domaine.fr.",
        "en": "This e-mail address is not valid. Check it; it should look like name@domain.com.",
    },
    "email_unsupported": {
        "fr": "Nous ne pouvons pas écrire à une adresse qui comporte un accent avant le « @ ». Donnez-en une autre.",
        "en": "We cannot write to an address with an accent before the @. Please enter another one.",
    },
    "consent_required": {
        "fr": "Cochez la case qui nous autorise à vous envoyer le guide : il nous faut votre accord.",
        "en": "Tick the box that allows us to send you the guide: we need your consent.",
    },
    "consent_unknown": {
        "fr": "Le texte que vous avez accepté a changé. Rechargez la page et recommencez.",
        "en": "The text you agreed to has changed. Reload the page and start again.",
    },
    "consents_expected": {
        "fr": "consentGiven ne dit pas à quel texte la personne a consenti. Affichez les textes de"
        " GET /api/lead-magnet/magnets/{slug} et envoyez dans consents les identifiants de ceux qui"
        " sont cochés.",
        "en": "consentGiven does not say which text was agreed to. Show the texts of GET"
        " /api/lead-magnet/magnets/{slug} and send the ids of those ticked as consents.",
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
        "en": "The service is temporarily unavailable. Nothing is lost: try again shortly.",
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
        "fr": "Ce serveur PostgreSQL est en lecture seule. DATABASE_URL doit mener au serveur primaire.",
        "en": "This PostgreSQL server is read-only. DATABASE_URL must lead to the primary.",
    },
    "file_unavailable": {
        "fr": "Votre confirmation est enregistrée, mais le fichier n’est pas disponible pour l’instant."
        " Réessayez dans un instant.",
        "en": "Your confirmation is recorded, but the file is unavailable right now. Try again shortly.",
    },
    "message_malformed": {
        "fr": "Ce n’est pas un message d’Amazon SNS. Vérifiez l’abonnement du sujet.",
        "en": "This is not an Amazon SNS message. Check the topic’s subscription.",
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
    **ADMIN_PROBLEMS,
}
