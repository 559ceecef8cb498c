/** Moments as a French reader writes them, and days, all in the studio's time zone: the days of the figures. */
export function useStudioTime() {
  const timeZone = useUserSession().user.value?.timeZone
  const as = (options: Intl.DateTimeFormatOptions, language = 'fr-FR') => {
    const format = new Intl.DateTimeFormat(language, { ...options, timeZone })
    return (moment: string | number | Date) => withFirst(format.format(new Date(moment)), 'fr')
  }
  // As ISO 8601 writes them, but for a blank between.
  const isoDay = as({ dateStyle: 'short' }, 'sv-SE')
  const isoTime = as({ dateStyle: 'short', timeStyle: 'medium' }, 'sv-SE')
  const clock = (at: number) => Date.parse(`${isoTime(at).replace(' ', 'T')}Z`)

  const thisYear = as({ day: 'numeric', month: 'long', hour: '2-digit', minute: '2-digit' })
  const dayAndTime = as({ day: 'numeric', month: 'long', year: 'numeric', hour: '2-digit', minute: '2-digit' })
  const today = () => isoDay(Date.now())

  return {
    timeZone,
    /** `28 novembre 2026` */
    day: as({ dateStyle: 'long' }),
    /** `28 nov. 2026` */
    shortDay: as({ dateStyle: 'medium' }),
    /** `28 novembre 2026 à 11:15` */
    dayAndTime,
    /** The same without the year, if it is this one. */
    moment: (moment: string) => (isoDay(moment).slice(0, 4) === today().slice(0, 4) ? thisYear : dayAndTime)(moment),
    /** `samedi 28 novembre 2026` */
    weekday: as({ dateStyle: 'full' }),
    /** `11:15` */
    hour: as({ timeStyle: 'short' }),
    /** `2026-11-28` */
    today,
    /** When a day begins, or one some days later. */
    startOf(iso: string, later = 0) {
      const midnight = dayOf(iso)
      const wanted = midnight.setUTCDate(midnight.getUTCDate() + later)
      // What the clock shows where it is midnight in UTC; once more, should it change in between.
      const near = wanted - (clock(wanted) - wanted)
      return new Date(near - (clock(near) - wanted)).toISOString()
    },
  }
}
