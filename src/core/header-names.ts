/** A header name, interned: the spelling we write, the lower-case form we compare, and a small number for names we know. */
export interface HeaderName {
  /** As it is written on an HTTP/1.1 connection. */
  readonly text: string
  readonly lower: string
  /** 1 and up for the names below, 0 for all others. */
  readonly id: number
  /** The value that was last found fit to be written under this name: most values come again and again. */
  fitValue: string
  /** The line that {@link fitValue} makes, its CRLF included, once it has come again; else null. */
  fitLine: Uint8Array | null
  /** Whether the name has been found fit to be written. */
  isFit: boolean
}

/** Names the gateway itself reads or writes. Their position is their id, so that a parsed field is compared by number. */
const KNOWN = [
  '',
  'Host',
  'Connection',
  'Content-Length',
  'Transfer-Encoding',
  'TE',
  'Trailer',
  'Upgrade',
  'Keep-Alive',
  'Proxy-Connection',
  'Expect',
  'Content-Type',
  'Content-Encoding',
  'Date',
  'Server',
  'Via',
  'Accept',
  'Accept-Encoding',
  'Accept-Language',
  'User-Agent',
  'Authorization',
  'Proxy-Authorization',
  'Proxy-Authenticate',
  'Cookie',
  'Set-Cookie',
  'Cache-Control',
  'ETag',
  'Last-Modified',
  'If-None-Match',
  'If-Modified-Since',
  'Vary',
  'Location',
  'Origin',
  'Referer',
  'X-Request-ID',
  'X-Forwarded-For',
  'X-Forwarded-Host',
  'X-Forwarded-Proto',
  'X-Forwarded-Port',
  'Forwarded',
  'X-Real-IP',
  'X-API-Key',
  'Traceparent',
  'Tracestate',
  'Retry-After',
  'Allow',
  'Turnpike-Error',
  'Idempotency-Key',
  'Sec-WebSocket-Key',
] as const

const byLower = new Map<string, HeaderName>()
const byText = new Map<string, HeaderName>()
/** Names come from configuration and code; a bound keeps a mistake (a name taken from traffic) from growing the table for ever. */
const INTERNED_MAX = 10_000

for (let id = 1; id < KNOWN.length; id++) {
  const text = KNOWN[id] ?? ''
  const name = newName(text, text.toLowerCase(), id)
  byLower.set(name.lower, name)
  byText.set(text, name)
  byText.set(name.lower, name)
}

function newName(text: string, lower: string, id: number): HeaderName {
  return { text, lower, id, fitValue: '', fitLine: null, isFit: id !== 0 }
}

/** The interned form of a name in any case. A known name has one spelling; others are written as they were given. */
export function headerName(text: string): HeaderName {
  const seen = byText.get(text)
  if (seen !== undefined) return seen
  const lower = text.toLowerCase()
  const name: HeaderName = byLower.get(lower) ?? newName(text, lower, 0)
  if (byText.size < INTERNED_MAX) byText.set(text, name)
  return name
}

function idOf(text: (typeof KNOWN)[number]): number {
  return headerName(text).id
}

export const ID_HOST = idOf('Host')
export const ID_CONNECTION = idOf('Connection')
export const ID_CONTENT_LENGTH = idOf('Content-Length')
export const ID_TRANSFER_ENCODING = idOf('Transfer-Encoding')
export const ID_TE = idOf('TE')
export const ID_UPGRADE = idOf('Upgrade')
export const ID_KEEP_ALIVE = idOf('Keep-Alive')
export const ID_PROXY_CONNECTION = idOf('Proxy-Connection')
export const ID_PROXY_AUTHORIZATION = idOf('Proxy-Authorization')
export const ID_PROXY_AUTHENTICATE = idOf('Proxy-Authenticate')
export const ID_EXPECT = idOf('Expect')

/**
 * Names by length and first letter, so that a field parsed from bytes finds its id with one table look-up and one compare.
 * A slot holds the candidates' ids.
 */
const SLOTS: number[][] = []
const LOWER_BYTES: Uint8Array[] = KNOWN.map((text) => new TextEncoder().encode(text.toLowerCase()))
for (let id = 1; id < KNOWN.length; id++) {
  const bytes = LOWER_BYTES[id] as Uint8Array
  const slot = slotOf(bytes.length, bytes[0] as number, bytes[bytes.length - 1] as number)
  const ids = SLOTS[slot] ?? []
  ids.push(id)
  SLOTS[slot] = ids
}
for (let slot = 0; slot < 1024; slot++) SLOTS[slot] ??= []

function slotOf(length: number, first: number, last: number): number {
  return ((length & 31) << 5) ^ ((first | 0x20) & 31) ^ ((((last | 0x20) & 31) << 3) & 1023)
}

/** The id of the name at `bytes[start..end)`, 0 when it is none of ours. Compares without regard to case (RFC 9110, 5.1). */
export function knownNameId(bytes: Uint8Array, start: number, end: number): number {
  const length = end - start
  const ids = SLOTS[slotOf(length, bytes[start] as number, bytes[end - 1] as number)] as number[]
  for (let i = 0; i < ids.length; i++) {
    const id = ids[i] as number
    const name = LOWER_BYTES[id] as Uint8Array
    if (name.length === length && equalsLower(bytes, start, name)) return id
  }
  return 0
}

/** Whether the bytes at `start` spell `lower`, letters in either case. Both are token characters, so that `| 0x20` is exact for letters. */
function equalsLower(bytes: Uint8Array, start: number, lower: Uint8Array): boolean {
  for (let i = 0; i < lower.length; i++) {
    const byte = bytes[start + i] as number
    const folded = byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte
    if (folded !== lower[i]) return false
  }
  return true
}

/**
 * A name as servers see it who keep only its letters and digits: lower case, and a hyphen for all else. CGI and its kin see `HTTP_X_USER_ID`
 * for `X-User-ID` as for `X_User_ID` (RFC 3875, 4.1.18), and some for `X.User.ID` too.
 */
export function foldName(name: string): string {
  return name.toLowerCase().replaceAll(/[^a-z0-9]/g, '-')
}

/** Whether the name at `bytes[start..end)` is `folded` once it is folded as {@link foldName} does. */
export function foldsTo(bytes: Uint8Array, start: number, end: number, folded: string): boolean {
  if (end - start !== folded.length) return false
  for (let i = 0; i < folded.length; i++) if (foldByte(bytes[start + i] as number) !== folded.charCodeAt(i)) return false
  return true
}

function foldByte(byte: number): number {
  if (byte >= 0x41 && byte <= 0x5a) return byte | 0x20
  return (byte >= 0x61 && byte <= 0x7a) || (byte >= 0x30 && byte <= 0x39) ? byte : 0x2d
}
