export type LeadMagnetLocale = 'fr' | 'en'

/** The language that the form and the pages speak: the one your app sets, or the mail's. */
export const useLeadMagnetLocale = () =>
  useState<LeadMagnetLocale>('lead-magnet-locale', () => useAppConfig().leadMagnet.locale as LeadMagnetLocale)

/** The language that an address asks for by its `lang`, or else, while the server renders, the browser. */
export function askedLocale(query: { lang?: unknown }): LeadMagnetLocale | undefined {
  const lang = import.meta.client || query.lang ? query.lang : useRequestHeader('accept-language')
  return String(lang ?? '').match(/(?:^|,) *(fr|en)\b/)?.[1] as LeadMagnetLocale | undefined
}

/** Where the guide is asked for in the language of the moment. */
export function useLeadMagnetHome() {
  const locale = useLeadMagnetLocale()
  const { home } = useAppConfig().leadMagnet
  return computed(() => home[locale.value])
}

const FORM: InjectionKey<LeadMagnetLocale> = Symbol('lead-magnet-form')

/** The language that a component speaks: the form's that it stands in, or the one of the moment. */
export function useSpokenLocale(form = inject(FORM, undefined)) {
  const locale = useLeadMagnetLocale()
  return computed(() => form ?? locale.value)
}

/** A component's sentences in the language that it speaks. */
export function useWords<Words>(words: Record<LeadMagnetLocale, Words>) {
  const locale = useSpokenLocale()
  return computed(() => words[locale.value])
}

/** Those of a form, in whose language all that stands in it speaks, whatever the page does. */
export function useFormWords<Words>(locale: LeadMagnetLocale, words: Record<LeadMagnetLocale, Words>) {
  provide(FORM, locale)
  return words[locale]
}

/** French counts the first of a month, `1er décembre`, which Intl does not. */
export const withFirst = (date: string, locale: LeadMagnetLocale) =>
  locale === 'fr' ? date.replace(/\b1 (?=\p{L}{3})/u, '1er ') : date

const UNITS = { fr: ['an', 'jour'], en: ['year', 'day'] }

/** Moments and lengths of time as the page's language writes them, moments in the visitor's time zone. */
export function useMoment() {
  const locale = useLeadMagnetLocale()
  const tag = computed(() => ({ fr: 'fr-FR', en: 'en-GB' })[locale.value])
  // No line ends between a day and its month, or a number and its unit.
  const written = (moment: string | Date, style: Intl.DateTimeFormatOptions) =>
    withFirst(new Date(moment).toLocaleString(tag.value, style), locale.value).replace(' ', '\u00a0')
  return {
    day: (moment: string | Date) => written(moment, { dateStyle: 'long' }),
    dayAndTime: (moment: string | Date) => written(moment, { dateStyle: 'long', timeStyle: 'short' }),
    span: (days: number) => {
      const [year, day] = UNITS[locale.value]
      const [n, unit] = days % 365 ? [days, day] : [days / 365, year]
      return `${n}\u00a0${unit}${n > 1 ? 's' : ''}`
    },
  }
}
