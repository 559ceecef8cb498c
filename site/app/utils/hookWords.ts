// What happens with the tools that are told, in the owner's words.

export const EVENT_WORDS: Record<string, string> = {
  'subscriber.confirmed': 'Une adresse est confirmée',
  'subscriber.newsletter_changed': 'L’accord à la newsletter change',
  'file.handed_out': 'Le guide est remis',
  'subscriber.unsubscribed': 'Quelqu’un se désinscrit de tout',
  'subscriber.bounced': 'Une adresse n’existe pas',
  'subscriber.complained': 'Un e‑mail est signalé comme indésirable',
  'subscriber.erased': 'Quelqu’un est effacé',
  'ping': 'Essai',
}

const REASONS: Record<string, string> = {
  timeout: 'L’outil n’a pas répondu en 20 secondes.',
  connection: 'La connexion à l’outil n’a pas abouti.',
  dns: 'Le nom de l’adresse n’existe pas.',
  tls: 'Le certificat de l’outil n’est pas valable.',
  not_allowed: 'L’adresse n’est pas publique.',
  no_http: 'L’adresse ne répond pas comme un site.',
  no_outcome: 'L’envoi a été interrompu.',
  http_401: 'L’outil refuse l’accès (401) : son secret est peut-être un autre.',
  http_403: 'L’outil refuse l’accès (403) : son secret est peut-être un autre.',
  http_404: 'L’adresse n’existe pas chez l’outil (404).',
  http_410: 'L’outil ne veut plus rien recevoir (410).',
}

export function deliveryReason(reason: string): string {
  const status = /^http_(\d{3})$/.exec(reason)?.[1]
  return REASONS[reason] ?? (status?.startsWith('5') ? `L’outil est en panne (${status}).` : `L’outil a répondu ${status ?? reason}.`)
}
