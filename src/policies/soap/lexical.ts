/** What the texts of dates, durations and binary data look like (XML Schema 2, 3.2), each told in linear time. */
import type { Primitive } from './model.ts'

const ZONE = '(?:Z|[+-](?:(?:0\\d|1[0-3]):[0-5]\\d|14:00))?'
const YEAR = '(-?(?:[1-9]\\d{3,8}|0\\d{3}))'
const MONTH = '(0[1-9]|1[0-2])'
const DAY = '(0[1-9]|[12]\\d|3[01])'
const TIME = '(?:(?:[01]\\d|2[0-3]):[0-5]\\d:[0-5]\\d(?:\\.\\d{1,100})?|24:00:00(?:\\.0{1,100})?)'

const DURATION = /^-?P(?=[\dT])(?:\d+Y)?(?:\d+M)?(?:\d+D)?(?:T(?=\d)(?:\d+H)?(?:\d+M)?(?:\d+(?:\.\d+)?S)?)?$/
const DATE = new RegExp(`^${YEAR}-${MONTH}-${DAY}${ZONE}$`)
const DATE_TIME = new RegExp(`^${YEAR}-${MONTH}-${DAY}T${TIME}${ZONE}$`)
const MONTH_DAY = new RegExp(`^--()${MONTH}-${DAY}${ZONE}$`)
const HEX = /^(?:[0-9a-fA-F]{2})*$/
const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/

/** Months that are shorter than 31 days. */
const SHORT_MONTHS: Readonly<Record<string, number>> = { '02': 29, '04': 30, '06': 30, '09': 30, '11': 30 }

function isDay(match: RegExpExecArray | null): boolean {
  if (match === null) return false
  const [, year = '', month = '', day = ''] = match
  if (Number(day) > (SHORT_MONTHS[month] ?? 31)) return false
  return month !== '02' || day !== '29' || year === '' || isLeap(Number(year))
}

function isLeap(year: number): boolean {
  return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0)
}

function fits(expression: string): (text: string) => boolean {
  const regex = new RegExp(`^${expression}${ZONE}$`)
  return (text) => regex.test(text)
}

/** Whether a text without blanks around it is one of the type; for types that are checked by their form alone. */
export const LEXICAL: Readonly<Partial<Record<Primitive, (text: string) => boolean>>> = {
  duration: (text) => DURATION.test(text),
  dateTime: (text) => isDay(DATE_TIME.exec(text)),
  date: (text) => isDay(DATE.exec(text)),
  time: fits(TIME),
  gYearMonth: fits(`${YEAR}-${MONTH}`),
  gYear: fits(YEAR),
  gMonthDay: (text) => isDay(MONTH_DAY.exec(text)),
  gDay: fits(`---${DAY}`),
  gMonth: fits(`--${MONTH}`),
  hexBinary: (text) => HEX.test(text),
  base64Binary: (text) => text.length % 4 === 0 && BASE64.test(text),
}
