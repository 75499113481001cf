import type { Exchange } from '../../core/exchange.ts'
import { signatureBase } from './message-signature.ts'
import type { Signature } from './signature.ts'

/**
 * What a signature is made of: one line for each thing that it covers, as draft-cavage-http-signatures-12, 2.3 has it. In Latin-1, as headers
 * were received. Null when something is covered that the request does not have.
 * @param asKong whether the form of Kong is read as Kong does it: a field that is not there is signed as one without a value, and the version is
 * written in its own way. A signature then does not show that what it covers is there.
 */
export function signedText(exchange: Exchange, signature: Signature, asKong = false): string | null {
  const { form, covered, created, expires, parameters } = signature
  if (parameters !== null) return signatureBase(exchange, covered, parameters)
  const isLenient = asKong && form === 'hmac'
  const lines: string[] = []
  for (const name of covered) {
    const line =
      (isLenient ? kongLineOf(exchange, name) : null) ?? lineOf(exchange, name, created, expires) ?? (isLenient ? `${name}:` : null)
    if (line === null) return null
    lines.push(line)
  }
  return lines.join('\n')
}

function kongLineOf({ request }: Exchange, name: string): string | null {
  const { method, target, majorVersion, minorVersion } = request
  if (name !== 'request-line') return null
  return `${method} ${target} HTTP/${minorVersion === 0 ? majorVersion : `${majorVersion}.${minorVersion}`}`
}

function lineOf({ request }: Exchange, name: string, created: number | null, expires: number | null): string | null {
  const { method, target, majorVersion, minorVersion, authority, headers } = request
  switch (name.toLowerCase()) {
    case '(request-target)':
    case '@request-target':
      return `${name}: ${method.toLowerCase()} ${target}`
    case 'request-line':
      return `${method} ${target} HTTP/${majorVersion}.${minorVersion}`
    case 'host':
      return `${name}: ${authority}`
    case '(created)':
      return created === null ? null : `${name}: ${created}`
    case '(expires)':
      return expires === null ? null : `${name}: ${expires}`
    default: {
      const value = headers.getJoined(name)
      return value === undefined ? null : `${name}: ${value}`
    }
  }
}

/** What says the same of a request counts as the same. */
const SAME: ReadonlyMap<string, string> = new Map([
  ['@request-target', '(request-target)'],
  ['request-line', '(request-target)'],
  ['x-date', 'date'],
  ['(created)', 'date'],
  ['content-digest', 'digest'],
])

/** Whether all that has to be covered is. @param synonyms whether what says the same of a request counts as the same */
export function coversAll(signature: Signature, required: readonly string[], synonyms: boolean): boolean {
  if (required.length === 0) return true
  if (!synonyms) return required.every((name) => signature.covered.some((covered) => covered.toLowerCase() === name))
  const meanings = meaningsOf(signature)
  return required.every((name) => meanings.has(SAME.get(name) ?? name))
}

function meaningsOf({ covered, parameters, created }: Signature): ReadonlySet<string> {
  const meanings = new Set(covered.map((name) => name.toLowerCase()))
  if (parameters !== null) {
    // `@request-target` alone does not say the method there, and the parameters are always signed (RFC 9421, 2.2.5 and 2.3).
    const saysTarget = meanings.has('@target-uri') || meanings.has('@request-target') || (meanings.has('@path') && meanings.has('@query'))
    meanings.delete('@request-target')
    meanings.delete('request-line')
    if (saysTarget && meanings.has('@method')) meanings.add('(request-target)')
    if (meanings.has('@authority') || meanings.has('@target-uri')) meanings.add('host')
    if (created !== null) meanings.add('date')
  }
  for (const name of meanings) meanings.add(SAME.get(name) ?? name)
  return meanings
}

const MONTHS = 'Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec'
const HTTP_DATE = new RegExp(`^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), \\d{2} (?:${MONTHS.replaceAll(' ', '|')}) \\d{4} \\d{2}:\\d{2}:\\d{2} GMT$`)

/** The times that are signed, in milliseconds since 1970; NaN for what is no date (RFC 9110, 5.6.7, in the form that is to be sent). */
export function signedTimes({ request }: Exchange, { covered, created, parameters }: Signature): number[] {
  const signsCreated = created !== null && (parameters !== null || covered.includes('(created)'))
  const times = covered.flatMap((name) => {
    const field = name.toLowerCase()
    if (field !== 'date' && field !== 'x-date') return []
    const value = request.headers.getJoined(field) ?? ''
    return [HTTP_DATE.test(value) ? Date.parse(value) : Number.NaN]
  })
  return signsCreated ? [...times, created * 1_000] : times
}

/** Whether `X-Date` or else `Date`, signed or not, is a time near `now`. */
export function hasDate({ request: { headers } }: Exchange, now: number, skewMs: number): boolean {
  return ['X-Date', 'Date'].some((field) => {
    const value = headers.getJoined(field) ?? ''
    return HTTP_DATE.test(value) && Math.abs(now - Date.parse(value)) <= skewMs
  })
}

/** Whether the signature says that it does not hold any more. @param now milliseconds since 1970 */
export function isOver({ expires, covered, parameters }: Signature, now: number): boolean {
  return expires !== null && (parameters !== null || covered.includes('(expires)')) && now >= expires * 1_000
}
