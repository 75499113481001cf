const DAY = '(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)'
const MONTH = '(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)'
const TIME = '\\d\\d:\\d\\d:\\d\\d'
/** IMF-fixdate, and the obsolete form of RFC 850. */
const WITH_ZONE = new RegExp(`^(?:${DAY}, \\d\\d ${MONTH} \\d{4}|[A-Z][a-z]{5,8}, \\d\\d-${MONTH}-\\d\\d) ${TIME} GMT$`)
const ASCTIME = new RegExp(`^${DAY} ${MONTH} [\\d ]\\d ${TIME} \\d{4}$`)

/** Milliseconds since 1970 of an HTTP-date (RFC 9110, 5.6.7), in any of its three forms; NaN for anything else. */
export function parseHttpDate(text: string | undefined): number {
  if (text === undefined) return Number.NaN
  if (WITH_ZONE.test(text)) return Date.parse(text)
  return ASCTIME.test(text) ? Date.parse(`${text} GMT`) : Number.NaN
}
