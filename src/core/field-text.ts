import { GatewayError } from './errors.ts'
import type { HeaderName } from './header-names.ts'

/** RFC 9110, 5.5: a field value holds no control character but the tab; we write it as Latin-1. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are the characters to refuse
const ILLEGAL_VALUE = /[\u0000-\u0008\u000a-\u001f\u007f]|[^\u0000-\u00ff]/
const ILLEGAL_NAME = /[^!#$%&'*+\-.^_`|~0-9A-Za-z]/

/**
 * Refuses a field that could not be written as one line. A value made from traffic (a decoded path capture, say) that holds a
 * line break would otherwise let a client write our headers.
 */
export function checkField(name: HeaderName, value: string): void {
  if (name.fitValue === value && value !== '') return
  // A known name needs no second look.
  if (name.id === 0 && (name.text === '' || ILLEGAL_NAME.test(name.text))) {
    throw new GatewayError('internal_error', `illegal header name ${JSON.stringify(name.text)}`, 'internal')
  }
  if (!isLegalValue(value)) throw new GatewayError('request_malformed', `illegal value for header ${name.text}`, 'downstream')
  name.fitValue = value
}

/** Whether a field may have the value (RFC 9110, 5.5). Most values that differ each time are short: an identifier, what is left of a limit. */
export function isLegalValue(value: string): boolean {
  if (value.length > 64) return !ILLEGAL_VALUE.test(value)
  for (let i = 0; i < value.length; i++) {
    const code = value.charCodeAt(i)
    if ((code < 0x20 && code !== 0x09) || code === 0x7f || code > 0xff) return false
  }
  return true
}

/** Writes `name: value CRLF` and returns the end. */
export function writeField(target: Buffer, offset: number, name: string, value: string): number {
  let at = writeAscii(target, offset, name)
  target[at++] = 0x3a
  target[at++] = 0x20
  at = writeAscii(target, at, value)
  target[at++] = 0x0d
  target[at++] = 0x0a
  return at
}

/** Writes a Latin-1 string. Short ones byte by byte: a call into the runtime costs more than forty of these turns. */
export function writeAscii(target: Buffer, offset: number, text: string): number {
  const length = text.length
  if (length > 40) return offset + target.latin1Write(text, offset)
  for (let i = 0; i < length; i++) target[offset + i] = text.charCodeAt(i)
  return offset + length
}
