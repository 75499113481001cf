/** Regular expressions of XML Schema (XML Schema 2, F) in the syntax of RE2. */

/** What has another form there. Within a class the same stand without their brackets. */
const SETS: Readonly<Record<string, string>> = {
  d: '\\p{Nd}',
  D: '\\P{Nd}',
  i: '\\p{L}_:',
  c: '\\p{L}\\p{Nd}\\p{M}._:·\\-',
  s: ' \\t\\n\\r',
  w: '\\p{L}\\p{M}\\p{N}\\p{S}',
}
const NEGATED: Readonly<Record<string, string>> = { I: 'i', C: 'c', S: 's', W: 'w' }

/**
 * An expression that a whole text is to fit, in a syntax that RE2 and ECMAScript share.
 * @returns undefined for what RE2 cannot say: class subtraction, blocks of Unicode, negated escapes within a class
 */
export function translatePattern(pattern: string): string | undefined {
  if (/\\[pP]\{Is/.test(pattern)) return undefined
  let out = ''
  let inClass = false
  for (let at = 0; at < pattern.length; at++) {
    const char = pattern.charAt(at)
    if (char === '\\') {
      const letter = pattern.charAt(++at)
      const translated = translateEscape(letter, inClass)
      if (translated === undefined) return undefined
      out += translated
    } else if (inClass) {
      if (char === '[') return undefined
      if (char === ']') inClass = false
      out += char
    } else if (char === '[') {
      inClass = true
      const negation = pattern.charAt(at + 1) === '^' ? '^' : ''
      at += negation.length
      out += char + negation
    } else if (char === '^' || char === '$') {
      // No anchors there: every expression is anchored.
      out += `\\${char}`
    } else if (char === '.') {
      out += '[^\\n\\r]'
    } else {
      out += char
    }
  }
  return inClass ? undefined : out
}

/** What stands for itself behind a backslash, here and there. */
const PLAIN = /^[nrt\\|.?*+(){}[\]^$]$/

function translateEscape(letter: string, inClass: boolean): string | undefined {
  const set = Object.hasOwn(SETS, letter) ? SETS[letter] : undefined
  if (set !== undefined) return inClass || /^\\[pP]\{Nd\}$/.test(set) ? set : `[${set}]`
  const negated = Object.hasOwn(NEGATED, letter) ? NEGATED[letter] : undefined
  if (negated !== undefined) return inClass ? undefined : `[^${SETS[negated]}]`
  if (letter === '-') return inClass ? '\\-' : '-'
  return PLAIN.test(letter) || letter === 'p' || letter === 'P' ? `\\${letter}` : undefined
}
