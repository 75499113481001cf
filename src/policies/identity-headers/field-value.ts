/** Identities as field values: what is in a token or a record may hold any character, a header may not. */

/** Longest value that is written, in bytes. */
const VALUE_BYTES_MAX = 8_192

/** Printable ASCII, blanks inside it, and no `%`: written as it is. */
const PLAIN = /^[\x21-\x24\x26-\x7e](?:[\x20-\x24\x26-\x7e]*[\x21-\x24\x26-\x7e])?$/
const PLAIN_ITEM = /^[\x21-\x24\x26-\x2b\x2d-\x7e](?:[\x20-\x24\x26-\x2b\x2d-\x7e]*[\x21-\x24\x26-\x2b\x2d-\x7e])?$/

/**
 * A text as a field value: all that is no printable ASCII is percent-encoded as UTF-8, and `%` with it, so that no two texts ever look the
 * same to the service. Null when it cannot be written: empty, too long, or no well-formed Unicode.
 */
export function fieldValue(text: string): string | null {
  return encoded(text, PLAIN, /[^\x20-\x24\x26-\x7e]+|^ +| +$/g)
}

/** Texts as a list, with commas between; those in a text are percent-encoded. What cannot be written is left out; null for nothing at all. */
export function listValue(texts: readonly string[]): string | null {
  let list = ''
  for (const text of texts) {
    const item = encoded(text, PLAIN_ITEM, /[^\x20-\x24\x26-\x2b\x2d-\x7e]+|^ +| +$/g)
    if (item === null) continue
    list = list === '' ? item : `${list},${item}`
    if (list.length > VALUE_BYTES_MAX) return null
  }
  return list === '' ? null : list
}

function encoded(text: string, plain: RegExp, others: RegExp): string | null {
  if (text === '' || text.length > VALUE_BYTES_MAX) return null
  if (plain.test(text)) return text
  if (!text.isWellFormed()) return null
  const value = text.replaceAll(others, percentEncode)
  return value.length > VALUE_BYTES_MAX ? null : value
}

/** Every byte: `encodeURIComponent` leaves some as they are. */
function percentEncode(text: string): string {
  return Buffer.from(text, 'utf8').toString('hex').toUpperCase().replaceAll(/../g, '%$&')
}
