/** Points in time, as configurations write them. */
import { z } from '../core/schema.ts'

const DATE = /^(\d{4})-(\d{2})-(\d{2})(?:[Tt ](\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,3})\d{0,6})?)?([Zz]|[+-]\d{2}:\d{2}))?$/
const EXPECTED = 'expected a date such as `2027-01-31` (its first moment in UTC), or date, time and zone: `2027-01-31T18:00:00Z`'

/** Milliseconds since 1970 of an ISO 8601 date, or of a date with time and zone (RFC 3339); null for what is neither, or no day that exists. */
export function parseInstant(text: string): number | null {
  const [matched, year, month, day, hour = '0', minute = '0', second = '0', fraction = '', zone = 'Z'] = DATE.exec(text) ?? []
  if (matched === undefined) return null
  const dayMs = Date.UTC(Number(year), Number(month) - 1, Number(day))
  if (new Date(dayMs).toISOString().slice(0, 10) !== `${year}-${month}-${day}`) return null
  const offsetMs = zone.toUpperCase() === 'Z' ? 0 : offsetOf(zone)
  if (Number(hour) > 23 || Number(minute) > 59 || Number(second) > 59 || offsetMs === null) return null
  const timeMs = ((Number(hour) * 60 + Number(minute)) * 60 + Number(second)) * 1_000 + Number(fraction.padEnd(3, '0'))
  return dayMs + timeMs - offsetMs
}

function offsetOf(zone: string): number | null {
  const [hours, minutes] = [Number(zone.slice(1, 3)), Number(zone.slice(4))]
  if (hours > 23 || minutes > 59) return null
  return (zone.startsWith('-') ? -1 : 1) * (hours * 60 + minutes) * 60_000
}

/** A point in time; gives milliseconds since 1970. */
export function instant() {
  return z
    .string({ error: EXPECTED })
    .transform((written, context) => {
      const ms = parseInstant(written)
      if (ms !== null) return ms
      context.addIssue({ code: 'custom', message: EXPECTED })
      return z.NEVER
    })
    .meta({ title: 'date' })
}
