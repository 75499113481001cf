/** Identities as field values: what is in a token or a record may hold any character, a header may not. */

/** Longest value that is written, in bytes. */
const VALUE_BYTES_MAX = 8_192

/** What is percent-encoded: all but printable ASCII, `%`, blanks at the ends; in lists the comma too. */
const OTHERS = /[^\x20-\x24\x26-\x7e]+|^ +| +$/g
const OTHERS_IN_LIST = /[^\x20-\x24\x26-\x2b\x2d-\x7e]+|^ +| +$/g

/**
 * A text as a field value: all that is no printable ASCII is percent-encoded as UTF-8, and `%` with it, so that no two texts ever look the
 * same to the service. Null when it cannot be written: empty, too long, or no well-formed Unicode.
 */
export function fieldValue(text: string): string | null {
  return isPlain(text) ? text : encoded(text, OTHERS)
}

/** Texts as a list, with commas between; those in a text are percent-encoded. What cannot be written is left out; null for nothing at all. */
export function listValue(texts: readonly string[]): string | null {
  let list = ''
  for (const text of texts) {
    const item = isPlain(text) && !text.includes(',') ? text : encoded(text, OTHERS_IN_LIST)
    if (item === null) continue
    list = list === '' ? item : `${list},${item}`
    if (list.length > VALUE_BYTES_MAX) return null
  }
  return list === '' ? null : list
}

/** How texts become the value of a header. */
export interface Encoding {
  text(text: string): string | null
  list(texts: readonly string[]): string | null
}

export function encodingOf(form: 'percent' | 'utf-8', separator: string): Encoding {
  if (form === 'utf-8') return { text: bytesOf, list: (texts) => bytesOf(texts.join(separator)) }
  return { text: fieldValue, list: (texts) => listValue(texts)?.replaceAll(',', separator) ?? null }
}

/** A text as its UTF-8 bytes, each as one Latin-1 character. Null when it cannot be written: empty, too long, or with control characters. */
function bytesOf(text: string): string | null {
  const bytes = Buffer.from(text, 'utf8')
  return text === '' || bytes.length > VALUE_BYTES_MAX || /\p{Cc}/u.test(text) ? null : bytes.toString('latin1')
}

/** Whether nothing is to be encoded; false for some texts of which that holds. Names are short: this is quicker than an expression. */
function isPlain(text: string): boolean {
  if (text === '' || text.length > 64) return false
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code <= 0x20 || code >= 0x7f || code === 0x25) return false
  }
  return true
}

function encoded(text: string, others: RegExp): string | null {
  if (text === '' || text.length > VALUE_BYTES_MAX || !text.isWellFormed()) return null
  const value = text.replaceAll(others, percentEncode)
  return value.length > VALUE_BYTES_MAX ? null : value
}

/** Every byte: `encodeURIComponent` leaves some as they are. */
function percentEncode(text: string): string {
  return Buffer.from(text, 'utf8').toString('hex').toUpperCase().replaceAll(/../g, '%$&')
}
