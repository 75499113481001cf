import type { Headers } from '../../core/headers.ts'

export interface UserPass {
  readonly username: string
  readonly password: string
}

/** More than the longest name and password in base64, and little enough to look at. */
const CHARS_MAX = 8_192
const SCHEME = /^basic(?: +|$)/i
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/
/** RFC 7617, 2: neither part may hold control characters. */
const CONTROL = /\p{Cc}/u

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Name and password of the `Authorization` field (RFC 7617); null for another scheme or none, a sentence for what is malformed. */
export function readCredentials(headers: Headers): UserPass | null | string {
  return readField(headers.getAll('Authorization'))
}

/** As {@link readCredentials}, of the values of one field. */
export function readField(values: readonly string[]): UserPass | null | string {
  if (!values.some((value) => SCHEME.test(value))) return null
  const [value = ''] = values
  // RFC 9110, 11.6.2: there is one. Whoever stands behind us may read another line than we do.
  if (values.length > 1) return 'more than one `Authorization`'
  return decode(value.replace(SCHEME, ''))
}

function decode(encoded: string): UserPass | string {
  if (encoded.length > CHARS_MAX) return 'name and password are too long'
  const bytes = BASE64.test(encoded) ? Buffer.from(encoded, 'base64') : null
  // The bits that padding leaves over are zero (RFC 4648, 3.5): one pair has one form.
  if (bytes === null || bytes.toString('base64') !== encoded) return 'not in base64'
  let text: string
  try {
    text = decoder.decode(bytes)
  } catch {
    return 'not in UTF-8'
  }
  const colon = text.indexOf(':')
  if (colon === -1) return 'no colon between name and password'
  if (CONTROL.test(text)) return 'control characters in name or password'
  return { username: text.slice(0, colon).normalize('NFC'), password: text.slice(colon + 1).normalize('NFC') }
}

/** Takes name and password out of what goes to the service; other schemes stay. */
export function removeCredentials(headers: Headers): void {
  if (headers.getAll('Authorization').some((value) => SCHEME.test(value))) headers.delete('Authorization')
}
