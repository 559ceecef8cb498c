export const LOCALES: LeadMagnetLocale[] = ['fr', 'en']

/** The pages that have an address in each language. */
const PAGES: Record<LeadMagnetLocale, string>[] = [
  { fr: '/', en: '/en' },
  { fr: '/confidentialite', en: '/en/privacy' },
]

/** The same page in each language, if it has an address in each. */
export const translationsOf = (path: string) =>
  PAGES.find(page => LOCALES.some(locale => page[locale] === (path.replace(/\/$/, '') || '/')))

/** What an address says about its language; the pages that mails link to leave it to the mail. */
export function localeOf(path: string): LeadMagnetLocale | undefined {
  if (/^\/en(\/|$)/.test(path)) return 'en'
  return (translationsOf(path) || /^\/admin(\/|$)/.test(path)) ? 'fr' : undefined
}
