// What the audit says, in the owner's words: "Camille a effacé un contact, à sa demande".

import type { components } from '#open-fetch-schemas/lead-magnet-api'

type Entry = components['schemas']['AuditEntry']
type Detail = Record<string, unknown>

export function actorWords(actor: string): string {
  const [kind, name] = [actor.slice(0, actor.indexOf(':')), actor.slice(actor.indexOf(':') + 1)]
  if (kind === 'key') return `La clé « ${name} »`
  if (kind === 'oidc') return `Le compte ${name.length > 30 ? `${name.slice(0, 8)}…` : name}`
  return 'Une commande sur le serveur'
}

const REASONS: Record<string, string> = {
  person_asked: 'à sa demande',
  duplicate: 'en double',
  test: 'contact d’essai',
  operator: 'décision du studio',
}
const ROLE_WORDS: Record<string, string> = { viewer: 'lecture seule', owner: 'accès complet' }
const KEY_ACTS: Record<string, string> = {
  add: 'a créé la clé',
  revoke: 'a révoqué la clé',
  rotate_hash: 'a changé la clé qui scelle le registre',
}
const ENDPOINT_ACTS: Record<string, string> = {
  add: 'a relié l’outil',
  rotate: 'a renouvelé le secret de l’outil',
  enable: 'a réactivé l’outil',
  disable: 'a désactivé l’outil',
  ping: 'a envoyé un essai à l’outil',
  replay: 'a renvoyé un événement à un outil',
}

const GUIDE_ACTS: Record<string, string> = {
  add: 'a créé',
  put: 'a changé le fichier de',
  upload: 'a commencé l’envoi d’un fichier pour',
  activate: 'a mis en ligne un fichier pour',
  change: 'a modifié',
  retire: 'ne propose plus',
  add_text: 'a modifié un texte de consentement de',
  retire_text: 'n’affiche plus un texte de consentement de',
}

const sum = (detail: Detail) => Object.values(detail).reduce<number>((total, n) => total + Number(n), 0)

// With the titles of the guides by their slugs.
const DONE: Partial<Record<Entry['action'], (detail: Detail, titles: Map<string, string>) => string>> = {
  'subscribers:inspect': () => 'a consulté la fiche d’un contact',
  'subscribers:receipt': () => 'a établi la preuve de consentement d’un contact',
  'subscribers:erase': ({ reason, objected }) =>
    `a effacé un contact${reason ? ` (${REASONS[String(reason)] ?? reason})` : ''}`
    + (objected ? ', avec opposition à tout e‑mail' : ''),
  'subscribers:unsubscribe': () => 'a désinscrit un contact de tout message',
  'subscribers:resend': () => 'a renvoyé son dernier e‑mail à un contact',
  'subscribers:export': ({ rows, format, everybody }) =>
    `a exporté ${plural(Number(rows), 'contact', 'contacts')} (${format === 'csv' ? 'CSV' : 'JSON'}, ${everybody ? 'toute la liste' : 'newsletter seulement'})`,
  'mails:retry': ({ mails }) => `a relancé ${plural(Number(mails), 'e‑mail', 'e‑mails')}`,
  'mails:resume': () => 'a repris l’envoi des e‑mails',
  'mails:pause': () => 'a suspendu l’envoi des e‑mails',
  'mails:drop': ({ mails }) => `a annulé ${plural(Number(mails), 'e‑mail en attente', 'e‑mails en attente')} d’un même réseau`,
  'requests:retry': ({ requests }) => `a relancé ${plural(Number(requests), 'demande restée', 'demandes restées')} sans suite`,
  'erasures:reapply': ({ erased }) => `a refait les effacements après une restauration : ${plural(Number(erased), 'contact', 'contacts')}`,
  'subscribers:replay': detail => `a rejoué ${plural(sum(detail), 'événement', 'événements')} après une restauration`,
  'subscribers:purge': detail =>
    `a supprimé ce qui avait dépassé sa durée de conservation : ${plural(sum(detail), 'élément', 'éléments')}`,
  'subscribers:import': ({ act, imported }) => act === 'drop'
    ? 'a supprimé les données de l’ancien système'
    : `a importé ${plural(Number(imported ?? 0), 'contact', 'contacts')} de l’ancien système`,
  'keys:manage': ({ act, key, role }) =>
    `${KEY_ACTS[String(act)] ?? 'a modifié une clé'}${key ? ` « ${key} »` : ''}${role ? ` (${ROLE_WORDS[String(role)] ?? role})` : ''}`,
  'webhooks:manage': ({ act, endpoint, includeEmail }) =>
    `${ENDPOINT_ACTS[String(act)] ?? 'a modifié un outil'}${endpoint ? ` « ${endpoint} »` : ''}`
    + (includeEmail ? ', avec les adresses e‑mail' : ''),
  'magnets:manage': ({ act, magnet }, titles) =>
    `${GUIDE_ACTS[String(act)] ?? 'a modifié'} « ${titles.get(String(magnet)) ?? magnet} »`,
}
const TRIED: Partial<Record<Entry['action'], string>> = {
  'me:read': 'se connecter',
  'subscribers:inspect': 'consulter une fiche',
  'subscribers:receipt': 'établir une preuve de consentement',
  'subscribers:erase': 'effacer un contact',
  'subscribers:unsubscribe': 'désinscrire un contact',
  'subscribers:resend': 'renvoyer un e‑mail',
  'subscribers:export': 'exporter la liste',
  'addresses:read': 'chercher par adresse',
  'mails:retry': 'relancer des e‑mails',
  'mails:resume': 'reprendre l’envoi',
  'webhooks:manage': 'modifier les outils reliés',
  'magnets:manage': 'modifier un guide',
  'webhooks:read': 'voir les outils reliés',
  'erasures:read': 'voir les effacements',
  'audit:read': 'lire le journal',
}

export function auditWords({ action, outcome, detail }: Entry, titles: Map<string, string>): string {
  if (outcome === 'refused') return `a voulu ${TRIED[action] ?? `faire « ${action} »`} : refusé, son accès ne le permet pas`
  return DONE[action]?.(detail as Detail, titles) ?? `a fait « ${action} »`
}
