/** Windows that follow the calendar, in UTC. */
export type CalendarUnit = 'month' | 'year'

/** Longest length of one, in milliseconds. */
export const CALENDAR_MS_MAX: Readonly<Record<CalendarUnit, number>> = { month: 31 * 86_400_000, year: 366 * 86_400_000 }

/** When the month or year of a moment begins. All in milliseconds since 1970. */
export function calendarStart(unit: CalendarUnit, epochMs: number): number {
  const date = new Date(epochMs)
  return Date.UTC(date.getUTCFullYear(), unit === 'month' ? date.getUTCMonth() : 0)
}

/** When the next one begins. */
export function calendarEnd(unit: CalendarUnit, epochMs: number): number {
  const date = new Date(epochMs)
  return unit === 'month' ? Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1) : Date.UTC(date.getUTCFullYear() + 1, 0)
}
