import type { components } from '#open-fetch-schemas/lead-magnet-api'

export type Guide = components['schemas']['Offer']
export type ConsentText = components['schemas']['OwnText']

export const currentFile = (guide: Guide) => guide.files.find(({ current }) => current)

const megabytes = new Intl.NumberFormat('fr-FR', { maximumFractionDigits: 1 })
export const asSize = (bytes: number) => bytes < 1e5 ? `${Math.ceil(bytes / 1e3)} ko` : `${megabytes.format(bytes / 1e6)} Mo`

export const PURPOSES = { delivery: 'Envoi du guide', newsletter: 'Newsletter' } as const
export const LANGUAGES = { fr: 'français', en: 'anglais' } as const
