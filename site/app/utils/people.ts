// The states and actions of a person in words for the studio.

import type { components } from '#open-fetch-schemas/lead-magnet-api'

type Schemas = components['schemas']
export type Status = Schemas['Subscriber']['status']
export type ConsentEvent = Schemas['ConsentEvent']

export const STATUSES: Record<Status, { label: string, color: 'neutral' | 'success' | 'warning' | 'error' }> = {
  pending: { label: 'Pas encore confirmé', color: 'warning' },
  confirmed: { label: 'Confirmé', color: 'success' },
  unsubscribed: { label: 'Désinscrit', color: 'neutral' },
  bounced: { label: 'Adresse en erreur', color: 'error' },
  complained: { label: 'Signalé comme indésirable', color: 'error' },
}

const ACTS: Record<string, string> = {
  signup: 'A demandé le guide',
  resend: 'A demandé un nouveau lien',
  confirm: 'A confirmé son adresse',
  unsubscribe: 'Ne veut plus de messages',
  bounce: 'Un message nous est revenu',
  complaint: 'A signalé un message comme indésirable',
  import: 'Repris de l’ancien système',
}

const GESTURES: Record<string, string> = {
  signup_form: 'par le formulaire',
  confirm_button: 'par le bouton de la page',
  renew_button: 'par le bouton « nouveau lien »',
  unsubscribe_button: 'par le bouton de désinscription',
  one_click: 'par le bouton de sa messagerie',
  ses_event: 'd’après Amazon SES',
  operator: 'saisi par le studio',
}

const KINDS: Record<string, string> = {
  confirm: 'E‑mail de confirmation',
  download: 'E‑mail avec le guide',
  privacy: 'E‑mail vers ses données',
  week: 'Votre résumé de la semaine',
  webhook: 'Alerte : un outil relié est désactivé',
}

const STATES: Record<string, string> = {
  queued: 'en attente d’envoi', sent: 'envoyé', dead: 'n’a pas pu partir', cancelled: 'annulé avant l’envoi',
}

const NEWS: Record<string, string> = {
  Delivery: 'remis à sa messagerie',
  Bounce: 'refusé par sa messagerie',
  Complaint: 'signalé comme indésirable',
  DeliveryDelay: 'retardé par sa messagerie',
  Reject: 'refusé par Amazon SES',
  RenderingFailure: 'refusé par Amazon SES',
}

export const purposeOf = (purpose: ConsentEvent['purpose']) => purpose === 'newsletter' ? 'newsletter' : 'envoi du guide'

/** What somebody did, in words: one act may be about both purposes. */
export function actOf({ type, gesture, purpose }: Pick<ConsentEvent, 'type' | 'gesture' | 'purpose'>) {
  if (type === 'resend' && gesture === 'operator') return 'Le studio a renvoyé le dernier e‑mail'
  const act = type === 'unsubscribe' && purpose === 'newsletter' ? 'Ne veut plus de la newsletter' : ACTS[type] ?? type
  return [act, GESTURES[gesture ?? '']].filter(Boolean).join(', ')
}

export const kindOf = (kind: string) => KINDS[kind] ?? 'E‑mail'
export const mailOf = ({ kind, state }: Schemas['PersonMail']) => `${kindOf(kind)} : ${STATES[state] ?? state}`
export const newsOf = (type: string) => NEWS[type] ?? type
