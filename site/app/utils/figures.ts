// Numbers and days as a French reader writes them.

const count = new Intl.NumberFormat('fr-FR')
const rate = new Intl.NumberFormat('fr-FR', { maximumFractionDigits: 1 })

export const asCount = (value: number | null) => value === null ? '–' : count.format(value)
/** In percent, as the API gives it; over nothing there is none. */
export const asRate = (value: number | null) => value === null ? '–' : `${rate.format(value)} %`
export const asShare = (value: number, of: number) => asRate(of ? 100 * value / of : null)
export const plural = (value: number, one: string, many: string) => `${asCount(value)} ${Math.abs(value) < 2 ? one : many}`

/** A day of the calendar, `2026-11-28`, as a date to count with: in UTC, whatever the reader's time zone. */
export const dayOf = (iso: string) => new Date(iso)
export const isoDay = (day: Date) => day.toISOString().slice(0, 10)

/** Minutes as people say them: `4 min`, `3 h 20`, `2 j`. */
export function asDuration(minutes: number | null) {
  if (minutes === null) return '–'
  if (minutes < 1) return '< 1 min'
  if (minutes < 60) return `${Math.round(minutes)} min`
  const hours = Math.floor(minutes / 60)
  if (hours < 48) return `${hours} h ${String(Math.round(minutes % 60)).padStart(2, '0')}`
  return `${Math.round(hours / 24)} j`
}
