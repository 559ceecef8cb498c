"""The sentences behind the admin API's codes, for the studio's owner."""

from __future__ import annotations

ADMIN_PROBLEMS: dict[str, dict[str, str]] = {
    "credentials_refused": {
        "fr": "Cette clé ou cette session n’est pas acceptée : fausse, révoquée ou expirée."
        " Reconnectez-vous ou demandez une nouvelle clé.",
        "en": "This key or session is not accepted: wrong, revoked or expired. Sign in again, or"
        " ask for a new key.",
    },
    "role_missing": {
        "fr": "Votre accès ne permet pas cela. Demandez à la personne qui gère les accès.",
        "en": "Your access does not allow this. Ask the person who manages access.",
    },
    "key_limit": {
        "fr": "Trop d’essais avec une clé incorrecte. Vérifiez la clé et réessayez plus tard.",
        "en": "Too many tries with a wrong key. Check the key and try again later.",
    },
    "issuer_unavailable": {
        "fr": "Le service de connexion ne répond pas. Réessayez dans un instant.",
        "en": "The sign-in service does not answer. Try again in a moment.",
    },
    "subscriber_unknown": {
        "fr": "Cette personne n’est pas dans la liste, ou a été effacée. Revenez à la liste.",
        "en": "This person is not on the list, or was erased. Go back to the list.",
    },
    "cursor_invalid": {
        "fr": "Cette page n’existe pas. Recommencez à la première page.",
        "en": "There is no such page. Start again at the first page.",
    },
    "cursor_mismatch": {
        "fr": "Cette page appartient à une autre recherche. Recommencez à la première page.",
        "en": "This page belongs to another search. Start again at the first page.",
    },
    "period_invalid": {
        "fr": "La période n’est pas valable. Donnez un début avant la fin, au plus dix ans.",
        "en": "The period is not valid. Give a start before the end, ten years at the most.",
    },
    "endpoint_unknown": {
        "fr": "Cet outil n’existe pas, ou est déjà dans cet état. Revenez à la liste.",
        "en": "There is no such endpoint, or it is in this state already. Go back to the list.",
    },
    "endpoint_exists": {
        "fr": "Un outil porte déjà ce nom. Choisissez-en un autre.",
        "en": "There is an endpoint of this name already. Choose another one.",
    },
    "event_unknown": {
        "fr": "Cet événement n’existe pas, ou attend déjà son envoi. Revenez à la liste.",
        "en": "There is no such event, or it waits to be sent anyway. Go back to the list.",
    },
    "url_refused": {
        "fr": "Cette adresse ne peut pas recevoir nos notifications. Donnez une adresse publique en https://.",
        "en": "This URL cannot receive our notifications. Give a public one that starts with https://.",
    },
    "webhooks_off": {
        "fr": "Les webhooks ne sont pas activés : définissez WEBHOOK_KEY.",
        "en": "Webhooks are not set up: set WEBHOOK_KEY.",
    },
    "text_unknown": {
        "fr": "Ce texte n’existe pas ou n’est plus affiché. Revenez à la liste.",
        "en": "This text does not exist or is no longer shown. Go back to the list.",
    },
    "magnet_exists": {
        "fr": "Un guide porte déjà cet identifiant. Choisissez-en un autre.",
        "en": "There is a guide with this identifier already. Choose another one.",
    },
    "magnet_retired": {
        "fr": "Ce guide n’est plus proposé et ne peut plus être modifié. Créez-en un nouveau.",
        "en": "This guide is no longer offered and can no longer be changed. Make a new one.",
    },
    "upload_missing": {
        "fr": "Aucun fichier n’est arrivé sous cet identifiant. Recommencez l’envoi jusqu’au bout.",
        "en": "No file has arrived under this id. Upload it again, to the end.",
    },
    "file_no_pdf": {
        "fr": "Ce fichier n’est pas un PDF complet. Exportez-le de nouveau et renvoyez-le.",
        "en": "This file is not a complete PDF. Export it again and upload that.",
    },
    "file_encrypted": {
        "fr": "Ce PDF est protégé : il demanderait un mot de passe. Enlevez la protection et"
        " renvoyez-le.",
        "en": "This PDF is encrypted: readers would be asked for a password. Remove the protection"
        " and upload it again.",
    },
    "file_too_large": {
        "fr": "Ce fichier dépasse 50 Mo. Réduisez ses images et renvoyez-le.",
        "en": "This file is larger than 50 MiB. Make its images smaller and upload it again.",
    },
    "file_missing": {
        "fr": "Ce fichier n’est plus dans l’espace de stockage. Envoyez-le de nouveau.",
        "en": "This file is no longer in the bucket. Upload it again.",
    },
    "storage_unavailable": {
        "fr": "L’espace de stockage ne répond pas. Réessayez dans un instant ; si cela continue,"
        " prévenez la personne qui exploite le service.",
        "en": "The storage does not answer. Try again in a moment; if it goes on, tell the person"
        " who operates the service.",
    },
    "export_file_unavailable": {
        "fr": "L’export n’a pas pu être écrit : la place manque sur le serveur. Prévenez la"
        " personne qui exploite le service.",
        "en": "The export could not be written: the server has no room for it. Tell the person who"
        " operates the service.",
    },
    "changed_meanwhile": {
        "fr": "Quelqu’un d’autre vient de modifier cela. Rechargez la page et regardez avant de"
        " recommencer.",
        "en": "Somebody else has just changed this. Reload the page and look before you try again.",
    },
    "text_current": {
        "fr": "Ce texte est déjà celui qui est affiché. Rien n’a été modifié.",
        "en": "This is the current text already. Nothing was changed.",
    },
    "version_missing": {
        "fr": "Il manque la version que vous avez vue. Rechargez la page et recommencez.",
        "en": "The version that you have seen is missing. Send the ETag back in If-Match.",
    },
    "resend_refused": {
        "fr": "Aucun e-mail ne peut être renvoyé maintenant : un autre attend, vient de partir, ou"
        " la personne ne veut ou ne peut rien recevoir. Regardez sa page.",
        "en": "No mail can be sent again now: another waits, has just gone, or the person wants"
        " or can get none. Look at their page.",
    },
    "receipt_key_missing": {
        "fr": "Aucune preuve ne peut être signée : RECEIPT_KEY manque ou n’est pas valable."
        " Demandez à la personne qui exploite le service.",
        "en": "No receipt can be signed: RECEIPT_KEY is missing or not valid. Ask the person who"
        " operates the service.",
    },
    "receipt_too_early": {
        "fr": "Le dernier événement n’est pas encore scellé. Réessayez dans une minute.",
        "en": "The latest event is not sealed yet. Try again in a minute.",
    },
    "export_running": {
        "fr": "Un autre export est en cours. Réessayez dans une minute.",
        "en": "Another export is running. Try again in a minute.",
    },
    "export_too_long": {
        "fr": "Cet export prend trop de temps. Choisissez une période plus courte.",
        "en": "This export takes too long. Choose a shorter period.",
    },
    "receipt_refused": {
        "fr": "Un événement ou son sceau a été modifié : aucune preuve n’est établie. Prévenez la"
        " personne qui exploite le service.",
        "en": "An event or its seal was altered, so no receipt is issued. Tell the person who"
        " operates the service.",
    },
}
