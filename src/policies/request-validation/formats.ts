/** The formats that are checked, each in linear time. A format that is not here is an annotation (JSON Schema Validation 2020-12, 7.2.1). */
import { isIPv4, isIPv6 } from 'node:net'
import { compileEcmaRegex } from '../../core/regex.ts'

const DATE = /^(\d{4})-(\d\d)-(\d\d)$/
const TIME = /^(\d\d):(\d\d):(\d\d)(?:\.\d+)?(?:[Zz]|([+-])(\d\d):(\d\d))$/
const DAYS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]

/** RFC 3339, 5.6: full-date. */
export function isDate(text: string): boolean {
  const match = DATE.exec(text)
  if (match === null) return false
  const [year, month, day] = [Number(match[1]), Number(match[2]), Number(match[3])]
  const leap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0)
  return day >= 1 && day <= (month === 2 && leap ? 29 : (DAYS[month - 1] ?? 0))
}

/** RFC 3339, 5.6: full-time. A leap second is one at the end of a day in UTC only (5.7). */
export function isTime(text: string): boolean {
  const match = TIME.exec(text)
  if (match === null) return false
  const [hour, minute, second] = [Number(match[1]), Number(match[2]), Number(match[3])]
  const [offsetHour, offsetMinute] = [Number(match[5] ?? 0), Number(match[6] ?? 0)]
  if (hour > 23 || minute > 59 || offsetHour > 23 || offsetMinute > 59) return false
  if (second < 60) return true
  const offset = (offsetHour * 60 + offsetMinute) * (match[4] === '-' ? -1 : 1)
  return second === 60 && (hour * 60 + minute - offset + 1_440) % 1_440 === 1_439
}

function isDateTime(text: string): boolean {
  return (text[10] === 'T' || text[10] === 't') && isDate(text.slice(0, 10)) && isTime(text.slice(11))
}

/** RFC 3339, appendix A. */
const DURATION =
  /^P(?:\d+W|(?=[\dT])(?:\d+Y(?:\d+M(?:\d+D)?)?|\d+M(?:\d+D)?|\d+D)?(?:T(?=\d)(?:\d+H(?:\d+M(?:\d+S)?)?|\d+M(?:\d+S)?|\d+S))?)$/
const HOSTNAME = /^(?=.{1,253}$)(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?)(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*$/
const LOCAL_PART = /^[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*$/
const UUID = /^[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}$/
const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/
const JSON_POINTER = /^(?:\/(?:[^~/]|~[01])*)*$/

/** RFC 5321, 4.1.2, without quoted local parts and addresses in brackets. */
function isEmail(text: string): boolean {
  const at = text.lastIndexOf('@')
  return at > 0 && at <= 64 && LOCAL_PART.test(text.slice(0, at)) && HOSTNAME.test(text.slice(at + 1))
}

/** RFC 3986, appendix A, with the parts told apart by hand so that no expression can go back and forth. */
function isUriReference(text: string): boolean {
  if (!/^(?:[A-Za-z0-9\-._~:/?#[\]@!$&'()*+,;=]|%[0-9A-Fa-f]{2})*$/.test(text)) return false
  const [beforeFragment = '', ...fragments] = text.split('#')
  if (fragments.length > 1) return false
  const scheme = /^[A-Za-z][A-Za-z0-9+.-]*:/.exec(beforeFragment)?.[0] ?? ''
  const [hierarchy = ''] = beforeFragment.slice(scheme.length).split('?', 1)
  // Without a scheme a colon in the first segment would make one (4.2).
  if (scheme === '' && hierarchy.split('/', 1)[0]?.includes(':') === true) return false
  const authority = hierarchy.startsWith('//') ? (hierarchy.slice(2).split('/', 1)[0] ?? '') : null
  const rest = authority === null ? text : text.replace(authority, '')
  return !/[[\]]/.test(rest) && (authority === null || isAuthority(authority))
}

function isAuthority(authority: string): boolean {
  const host = authority.slice(authority.lastIndexOf('@') + 1)
  if (authority.indexOf('@') !== authority.lastIndexOf('@')) return false
  const literal = /^\[([^[\]]*)\](?::\d*)?$/.exec(host)
  if (literal !== null) return isIPv6(literal[1] ?? '') && !authority.slice(0, -host.length).includes('[')
  return !/[[\]]/.test(authority) && /^[^:]*(?::\d*)?$/.test(host)
}

function isUri(text: string): boolean {
  return /^[A-Za-z][A-Za-z0-9+.-]*:/.test(text) && isUriReference(text)
}

/** Names of the formats of text, and what each accepts. */
export const TEXT_FORMATS: Readonly<Record<string, (text: string) => boolean>> = {
  date: isDate,
  time: isTime,
  'date-time': isDateTime,
  duration: (text) => DURATION.test(text),
  email: isEmail,
  hostname: (text) => HOSTNAME.test(text),
  ipv4: isIPv4,
  ipv6: (text) => isIPv6(text) && !text.includes('%'),
  uri: isUri,
  'uri-reference': isUriReference,
  uuid: (text) => UUID.test(text),
  'json-pointer': (text) => JSON_POINTER.test(text),
  regex: (text) => !('problem' in compileEcmaRegex(text)),
  // OpenAPI 3.0.3, data types.
  byte: (text) => text.length % 4 === 0 && BASE64.test(text),
  binary: () => true,
  password: () => true,
}

/** The same for numbers (OpenAPI 3.0.3, data types). */
export const NUMBER_FORMATS: Readonly<Record<string, (value: number) => boolean>> = {
  int32: (value) => Number.isInteger(value) && value >= -(2 ** 31) && value < 2 ** 31,
  int64: (value) => Number.isInteger(value) && value >= -(2 ** 63) && value <= 2 ** 63,
  float: (value) => Math.abs(value) <= 3.4028234663852886e38,
  double: () => true,
}

export function isKnownFormat(format: string): boolean {
  return Object.hasOwn(TEXT_FORMATS, format) || Object.hasOwn(NUMBER_FORMATS, format)
}
