/** Queries, forms and cookies: names and values as they were sent. */
import { coerce, type Shape } from './shape.ts'

/** Values by decoded name, still encoded; null when a name is not valid percent-encoded UTF-8. */
export type Pairs = ReadonlyMap<string, readonly string[]>

/** `application/x-www-form-urlencoded`, of which a query is one. */
export function parsePairs(text: string): Pairs | null {
  const pairs = new Map<string, string[]>()
  if (text === '') return pairs
  for (const pair of text.split('&')) {
    if (pair === '') continue
    const equals = pair.indexOf('=')
    const name = decodeForm(equals === -1 ? pair : pair.slice(0, equals))
    if (name === null) return null
    const value = equals === -1 ? '' : pair.slice(equals + 1)
    const known = pairs.get(name)
    if (known === undefined) pairs.set(name, [value])
    else known.push(value)
  }
  return pairs
}

/** Decodes `+` and percent-encodings; null when these are malformed or not UTF-8. */
export function decodeForm(text: string): string | null {
  return decodePercent(text.includes('+') ? text.replaceAll('+', ' ') : text)
}

export function decodePercent(text: string): string | null {
  if (!text.includes('%')) return text
  try {
    return decodeURIComponent(text)
  } catch {
    return null
  }
}

/** Cookies as pairs (RFC 6265, 4.2.1); quotes around a value are not part of it. */
export function parseCookies(header: string | undefined): Pairs {
  const pairs = new Map<string, string[]>()
  for (const part of header?.split(';') ?? []) {
    const equals = part.indexOf('=')
    if (equals === -1) continue
    const name = part.slice(0, equals).trim()
    const value = part.slice(equals + 1).trim()
    const bare = value.length > 1 && value.startsWith('"') && value.endsWith('"') ? value.slice(1, -1) : value
    const known = pairs.get(name)
    if (known === undefined) pairs.set(name, [bare])
    else known.push(bare)
  }
  return pairs
}

/** What keeps pairs from being values, by name. */
export interface PairFault {
  readonly name: string
  readonly message: string
}

export const ENCODING_FAULT = 'is not valid percent-encoded UTF-8'
export const REPEATED_FAULT = 'is given more than once'

/** The values that pairs mean by the types of a shape. A name that repeats is an array; where none may be, it is a fault. */
export function valuesOf(pairs: Pairs, shape: Shape): { readonly values: Record<string, unknown>; readonly faults: readonly PairFault[] } {
  const faults: PairFault[] = []
  const entries: [string, unknown][] = []
  for (const [name, raws] of pairs) {
    const own = shape.properties !== undefined && Object.hasOwn(shape.properties, name) ? shape.properties[name] : shape.rest
    const texts = raws.map(decodeForm)
    const good = texts.filter((text) => text !== null)
    const takesArray = own === undefined || own.types.length === 0 || own.types.includes('array')
    if (good.length < texts.length) faults.push({ name, message: ENCODING_FAULT })
    else if (good.length > 1 && !takesArray) faults.push({ name, message: REPEATED_FAULT })
    else if (own?.types.includes('array') === true || good.length > 1) {
      entries.push([name, good.map((text) => coerce(text, own?.items ?? { types: [] }))])
    } else entries.push([name, coerce(good[0] ?? '', own ?? { types: [] })])
  }
  return { values: Object.fromEntries(entries), faults }
}
