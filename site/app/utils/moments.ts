// When something happened, as a French reader writes it, in the reader's own time zone.

const as = (options: Intl.DateTimeFormatOptions) => {
  const format = new Intl.DateTimeFormat('fr-FR', options)
  return (moment: string) => format.format(new Date(moment))
}

/** `28 novembre à 11:15`; with the year where it is another. */
export const asMoment = (moment: string) => (moment.startsWith(`${new Date().getFullYear()}-`) ? thisYear : anyYear)(moment)
const thisYear = as({ day: 'numeric', month: 'long', hour: '2-digit', minute: '2-digit' })
const anyYear = as({ day: 'numeric', month: 'long', year: 'numeric', hour: '2-digit', minute: '2-digit' })
/** `samedi 28 novembre 2026` */
export const asDay = as({ weekday: 'long', day: 'numeric', month: 'long', year: 'numeric' })
/** `11:15` */
export const asHour = as({ hour: '2-digit', minute: '2-digit' })
