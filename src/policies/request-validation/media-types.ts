/** Media types of request bodies (RFC 9110, 8.3.1). */

/** How a body is read. `none` is not looked at; `by type` is for ranges, and means what the type that was sent says. */
export type Reading = 'json' | 'form' | 'none' | 'by type'

const TOKEN = "[!#$%&'*+\\-.^_`|~0-9A-Za-z]+"
const MEDIA_TYPE = new RegExp(`^(${TOKEN}/${TOKEN})[ \\t]*(;.*)?$`)
const CHARSET = /;[ \t]*charset=("?)([^";]*)\1[ \t]*(?=;|$)/gi
export const MEDIA_RANGE: RegExp = new RegExp(`^${TOKEN}/${TOKEN}$`)

/** The type in lower case; null when it is malformed or text in a charset other than UTF-8. */
export function parseMediaType(value: string): string | null {
  const match = MEDIA_TYPE.exec(value)
  if (match === null) return null
  for (const [, , charset = ''] of (match[2] ?? '').matchAll(CHARSET)) {
    if (!/^(utf-?8|us-ascii)$/i.test(charset.trim())) return null
  }
  return match[1]?.toLowerCase() ?? null
}

/** Whether a type is of a range: `a/b`, `a/*`, `a/*+suffix`, or `*` for both parts. */
export function inRange(range: string, type: string): boolean {
  if (range === type || range === '*/*') return true
  const star = range.indexOf('/*')
  if (star === -1 || !type.startsWith(range.slice(0, star + 1))) return false
  return type.endsWith(range.slice(star + 2))
}

/** The more of a type a range names, the earlier it is asked. */
export function specificity(range: string): number {
  return range === '*/*' ? 0 : range.endsWith('/*') ? 1 : range.includes('*') ? 2 : 3
}

export function isJson(type: string): boolean {
  return type === 'application/json' || type === 'text/json' || type.endsWith('+json')
}

export function isForm(type: string): boolean {
  return type === 'application/x-www-form-urlencoded'
}

/** How a body of a type is read. */
export function readingOf(reading: Reading, type: string): Exclude<Reading, 'by type'> {
  if (reading !== 'by type') return reading
  return isJson(type) ? 'json' : isForm(type) ? 'form' : 'none'
}
