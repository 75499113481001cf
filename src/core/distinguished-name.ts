/** One attribute of a distinguished name. */
export interface NameAttribute {
  /** In upper case: `CN`. */
  readonly type: string
  /** Without escapes. */
  readonly value: string
}

/** Attributes by level, the most specific level first. Nearly all levels have one attribute. */
export type DistinguishedName = readonly (readonly NameAttribute[])[]

/** The types that have names in RFC 4514, 3. */
const NAMES_BY_OID: ReadonlyMap<string, string> = new Map([
  ['2.5.4.3', 'CN'],
  ['2.5.4.7', 'L'],
  ['2.5.4.8', 'ST'],
  ['2.5.4.10', 'O'],
  ['2.5.4.11', 'OU'],
  ['2.5.4.6', 'C'],
  ['2.5.4.9', 'STREET'],
  ['0.9.2342.19200300.100.1.25', 'DC'],
  ['0.9.2342.19200300.100.1.1', 'UID'],
])

const TYPE = /([A-Za-z][A-Za-z0-9-]*|\d+(?:\.\d+)+) *= */y
/** A character by its bytes, one that is escaped, or one that stands for itself. A value in BER (`#04…`) is not taken. */
const CHARACTER = /\\([0-9A-Fa-f]{2})|\\([ "#+,;<=>\\])|([^\\"+,;<>\0])/uy

/**
 * Reads a distinguished name as RFC 4514 writes it, with blanks around `,`, `+` and `=` as RFC 2253, 4 has them.
 * @returns null for what is none
 */
export function parseDistinguishedName(text: string): DistinguishedName | null {
  const levels: NameAttribute[][] = [[]]
  let at = 0
  for (;;) {
    while (text[at] === ' ') at++
    TYPE.lastIndex = at
    const type = TYPE.exec(text)?.[1]
    if (type === undefined) return null
    const value = readValue(text, TYPE.lastIndex)
    if (value === null) return null
    levels.at(-1)?.push({ type: NAMES_BY_OID.get(type) ?? type.toUpperCase(), value: value.text })
    at = value.end
    if (at === text.length) return levels
    if (text[at] === ',') levels.push([])
    else if (text[at] !== '+') return null
    at++
  }
}

function readValue(text: string, start: number): { readonly text: string; readonly end: number } | null {
  if (text[start] === '#') return null
  const parts: Buffer[] = []
  /** Parts up to the last one that is no plain blank: blanks behind it are no part of the value. */
  let kept = 0
  let end = start
  for (;;) {
    CHARACTER.lastIndex = end
    const match = CHARACTER.exec(text)
    if (match === null) break
    const [, hex, escaped, plain = ''] = match
    parts.push(hex === undefined ? Buffer.from(escaped ?? plain) : Buffer.from(hex, 'hex'))
    if (plain !== ' ') kept = parts.length
    end = CHARACTER.lastIndex
  }
  try {
    return { text: UTF8.decode(Buffer.concat(parts.slice(0, kept))), end }
  } catch {
    return null
  }
}

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Writes a distinguished name so that the same name has the same text (RFC 4514, 2). Values are compared as they are, with their case. */
export function formatDistinguishedName(name: DistinguishedName): string {
  return name
    .map((level) =>
      level
        .map(({ type, value }) => `${type}=${escapeValue(value)}`)
        .sort()
        .join('+'),
    )
    .join(',')
}

/** RFC 4514, 2.4. Control characters are escaped too, so that the text stands in one line. */
function escapeValue(value: string): string {
  return (
    value
      .replace(/["+,;<>\\]|^[ #]| $/g, '\\$&')
      // biome-ignore lint/suspicious/noControlCharactersInRegex: these are the characters to escape
      .replace(/[\u0000-\u001f\u007f]/g, (character) => `\\${character.charCodeAt(0).toString(16).padStart(2, '0').toUpperCase()}`)
  )
}

/** The values of one type, the most specific first. @param type in upper case */
export function valuesOfType(name: DistinguishedName, type: string): readonly string[] {
  return name.flat().flatMap((attribute) => (attribute.type === type ? [attribute.value] : []))
}
