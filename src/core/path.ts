/**
 * The one normaliser of request paths. What it returns is what routes match, guards see and services get, so that no two of them
 * can read one path differently.
 */

const SLASH = 0x2f
const DOT = 0x2e
const PERCENT = 0x25
const SEMICOLON = 0x3b

/** What a byte of a path is: part of its segment as it stands, worth a closer look, or refused. */
const PLAIN = 0
const LOOK = 1
const REFUSED = 2

const CLASS = new Uint8Array(128).fill(REFUSED)
for (let byte = 0x21; byte <= 0x7e; byte++) CLASS[byte] = PLAIN
for (const char of '/%') CLASS[char.charCodeAt(0)] = LOOK
// A query has been cut off before and a fragment is never sent: either one here is a second reading of the target.
for (const char of '\\#?') CLASS[char.charCodeAt(0)] = REFUSED

/** RFC 3986, 2.3. */
const UNRESERVED = /[A-Za-z0-9\-._~]/
const ENCODED_SEPARATOR = /%2F|%5C/

/**
 * The normal form of a request's path, or null when it must be refused with 400 (`request_path_invalid`).
 *
 * - Percent-encodings of unreserved characters are decoded, the hex digits of all others are upper case (RFC 3986, 6.2.2.1 and 6.2.2.2).
 * - Repeated slashes become one; then dot segments are removed (RFC 3986, 5.2.4). A path that would rise above the root is refused.
 * - An encoded slash or backslash stays encoded: it is data within its segment. A segment that would hold a dot segment if they were
 *   separators is refused, for a service may well decode them; so is `..;x`, which servlet containers read as `..`.
 * - Refused are also: bytes outside 0x21-0x7e, `\`, `#`, `?`, `%00`, malformed percent-encoding, and what does not begin with a slash.
 *
 * The empty path is `/` (RFC 9110, 4.2.3). A path in normal form, the usual case, comes back as the same string after one scan.
 * Linear in the length; `normalisePath(normalisePath(x)) === normalisePath(x)`.
 *
 * @param raw the path as received, without the query.
 */
export function normalisePath(raw: string): string | null {
  if (raw.length === 0) return '/'
  if (raw.charCodeAt(0) !== SLASH) return null
  for (let i = 0; i < raw.length; i++) {
    const code = raw.charCodeAt(i)
    if (code > 0x7e) return null
    const kind = CLASS[code]
    if (kind === PLAIN) continue
    if (kind === REFUSED) return null
    if (code === SLASH ? segmentNeedsWork(raw, i + 1) : encodingNeedsWork(raw, i)) return normaliseSlowly(raw)
  }
  return raw
}

/** Whether the segment that begins at `start` is empty (and not the last), a dot segment, or one with parameters. */
function segmentNeedsWork(raw: string, start: number): boolean {
  if (start === raw.length) return false
  const first = raw.charCodeAt(start)
  if (first === SLASH) return true
  if (first !== DOT) return false
  const second = raw.charCodeAt(start + 1)
  const end = second === DOT ? start + 2 : start + 1
  if (end === raw.length) return true
  const after = raw.charCodeAt(end)
  return after === SLASH || after === SEMICOLON
}

/** Whether the percent sign at `at` begins anything but an encoding in normal form that is no separator. */
function encodingNeedsWork(raw: string, at: number): boolean {
  const byte = encodedByte(raw, at)
  if (byte <= 0 || byte === 0x2f || byte === 0x5c || (byte < 0x80 && UNRESERVED.test(String.fromCharCode(byte)))) return true
  return isLowerHex(raw.charCodeAt(at + 1)) || isLowerHex(raw.charCodeAt(at + 2))
}

function normaliseSlowly(raw: string): string | null {
  const decoded = decodeUnreserved(raw)
  if (decoded === null) return null
  const kept: string[] = []
  const segments = decoded.split('/')
  for (let i = 1; i < segments.length; i++) {
    const segment = segments[i] ?? ''
    if (segment === '' || segment === '.') continue
    if (segment === '..') {
      if (kept.pop() === undefined) return null
    } else if (hidesDotSegment(segment)) {
      return null
    } else {
      kept.push(segment)
    }
  }
  const last = segments[segments.length - 1]
  const endsInSlash = kept.length > 0 && (last === '' || last === '.' || last === '..')
  return `/${kept.join('/')}${endsInSlash ? '/' : ''}`
}

/** Decodes what RFC 3986, 6.2.2.2 says to; null for a refused byte or encoding. */
function decodeUnreserved(raw: string): string | null {
  let out = ''
  let from = 0
  for (let i = 0; i < raw.length; i++) {
    const code = raw.charCodeAt(i)
    if (code > 0x7e || CLASS[code] === REFUSED) return null
    if (code !== PERCENT) continue
    const byte = encodedByte(raw, i)
    if (byte <= 0) return null
    const char = String.fromCharCode(byte)
    out += raw.slice(from, i) + (byte < 0x80 && UNRESERVED.test(char) ? char : raw.slice(i, i + 3).toUpperCase())
    i += 2
    from = i + 1
  }
  return from === 0 ? raw : out + raw.slice(from)
}

/** Whether a service that decodes encoded slashes, or cuts off path parameters, would find a dot segment within this segment. */
function hidesDotSegment(segment: string): boolean {
  if (!segment.includes('.')) return false
  return segment.split(ENCODED_SEPARATOR).some((part) => {
    const semicolon = part.indexOf(';')
    const name = semicolon === -1 ? part : part.slice(0, semicolon)
    return name === '.' || name === '..'
  })
}

/** The byte that `%XX` at `at` stands for; -1 when it is malformed. */
function encodedByte(raw: string, at: number): number {
  const high = hexValue(raw.charCodeAt(at + 1))
  const low = hexValue(raw.charCodeAt(at + 2))
  return high === -1 || low === -1 ? -1 : high * 16 + low
}

/** The value of a hex digit; -1 for anything else, and for the NaN of a place past the end. */
function hexValue(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30
  const folded = code | 0x20
  return folded >= 0x61 && folded <= 0x66 ? folded - 0x57 : -1
}

function isLowerHex(code: number): boolean {
  return code >= 0x61
}

/**
 * A segment with its percent-encodings decoded, for captures. It stays encoded, as a whole, when decoding would yield a slash, a
 * backslash or a control character, which mean something else once they are free, or is not UTF-8.
 *
 * @param segment of a path in normal form.
 */
export function decodeSegment(segment: string): string {
  if (!segment.includes('%')) return segment
  let decoded: string
  try {
    decoded = decodeURIComponent(segment)
  } catch {
    return segment
  }
  return UNSAFE_DECODED.test(decoded) ? segment : decoded
}

/** C0, DEL and C1 controls, the line separators of Unicode, and both slashes. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are the characters to keep encoded
const UNSAFE_DECODED = /[\u0000-\u001f\u007f-\u009f\u2028\u2029/\\]/
