export type LeadMagnetLocale = 'fr' | 'en'

/** The language that the form and the pages speak: the one your app sets, or the mail's once its link says it. */
export const useLeadMagnetLocale = () =>
  useState<LeadMagnetLocale>('lead-magnet-locale', () => useAppConfig().leadMagnet.locale as LeadMagnetLocale)

/** A component's sentences in the language of the moment. */
export function useWords<Words>(words: Record<LeadMagnetLocale, Words>) {
  const locale = useLeadMagnetLocale()
  return computed(() => words[locale.value])
}

/** A moment as the page's language writes it, in the visitor's own time zone. */
export function useMoment() {
  const locale = useLeadMagnetLocale()
  const tag = computed(() => ({ fr: 'fr-FR', en: 'en-GB' })[locale.value])
  return {
    day: (moment: string | Date) => new Date(moment).toLocaleDateString(tag.value, { dateStyle: 'long' }),
    dayAndTime: (moment: string | Date) =>
      new Date(moment).toLocaleString(tag.value, { dateStyle: 'long', timeStyle: 'short' }),
  }
}
