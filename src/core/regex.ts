import { createRequire } from 'node:module'
import type { RE2JS } from 're2js'

/** Loaded with the first expression: it is large, and most configurations have none. */
const require: (name: 're2js') => typeof import('re2js') = createRequire(import.meta.url)
const re2 = (): typeof RE2JS => require('re2js').RE2JS

const SOURCE_CHARS_MAX = 1_024
/** Instructions of a compiled expression: each one may be looked at for each character of the input. */
const PROGRAM_SIZE_MAX = 2_000

/** A regular expression from configuration that runs in linear time, whatever it says (RE2 syntax: no look-around, no back-references). */
export interface Regex {
  readonly source: string
  /** Names of its groups, in order. */
  readonly groupNames: readonly string[]
  /** Whether it matches, anchored as it was compiled. */
  test(text: string): boolean
  /** Index behind the first match; -1 for no match. */
  matchEnd(text: string): number
  /** Captures of the named groups that took part; null for no match. */
  captures(text: string): ReadonlyMap<string, string> | null
  /**
   * The text with the first match replaced, or null when nothing matches. `$1`, `$<name>` and `$$` in the replacement mean what they mean
   * to JavaScript's `String.replace`; a group that took no part gives nothing.
   */
  replaceFirst(text: string, replacement: string): string | null
}

/** Where a match must lie: at the start, over the whole text, or anywhere. */
export type Anchor = 'start' | 'both' | 'none'

/**
 * Compiles a regular expression of at most 1024 characters.
 * @returns the expression, or what is wrong with it in one sentence.
 */
export function compileRegex(source: string, anchor: Anchor): Regex | { readonly problem: string } {
  if (source.length > SOURCE_CHARS_MAX) return { problem: `a regular expression has at most ${SOURCE_CHARS_MAX} characters` }
  if (anchor === 'start' && isLiteral(source)) return new LiteralRegex(source)
  // An open quotation would swallow the parenthesis that anchors the expression.
  if (QUOTATION.test(source)) return { problem: '`\\Q` is not supported: escape the characters one by one' }
  try {
    // By itself first: `a)(b` must not become valid through the parentheses added below.
    const plain = re2().compile(source)
    if (plain.programSize() > PROGRAM_SIZE_MAX) return { problem: 'the regular expression is too large' }
    return new AnchoredRegex(source, anchor === 'none' ? plain : re2().compile(`^(?:${source})${anchor === 'both' ? '\\z' : ''}`))
  } catch (error) {
    return { problem: error instanceof Error ? error.message : String(error) }
  }
}

/**
 * The same for an expression in the syntax of ECMAScript (`\u00e9`, `(?<name>…)`, `[^]`), which JSON Schema uses; it may match anywhere.
 * Look-around and back-references are a problem here too.
 */
export function compileEcmaRegex(source: string): Regex | { readonly problem: string } {
  if (source.length > SOURCE_CHARS_MAX) return { problem: `a regular expression has at most ${SOURCE_CHARS_MAX} characters` }
  return compileRegex(re2().translateRegExp(source), 'none')
}

const QUOTATION = /(?:^|[^\\])(?:\\\\)*\\Q/

class AnchoredRegex implements Regex {
  readonly source: string
  readonly groupNames: readonly string[]
  readonly #compiled: RE2JS

  constructor(source: string, compiled: RE2JS) {
    this.source = source
    this.#compiled = compiled
    this.groupNames = Object.keys(compiled.namedGroups())
  }

  test(text: string): boolean {
    return this.#compiled.test(text)
  }

  matchEnd(text: string): number {
    const matcher = this.#compiled.matcher(text)
    return matcher.find() ? matcher.end() : -1
  }

  captures(text: string): ReadonlyMap<string, string> | null {
    const matcher = this.#compiled.matcher(text)
    if (!matcher.find()) return null
    const captures = new Map<string, string>()
    for (const name of this.groupNames) {
      const value = matcher.group(name)
      if (value !== null) captures.set(name, value)
    }
    return captures
  }

  replaceFirst(text: string, replacement: string): string | null {
    const matcher = this.#compiled.matcher(text)
    if (!matcher.find()) return null
    const filled = replacement.replaceAll(PLACEHOLDER, (whole: string, digits: string | undefined, name: string | undefined) => {
      if (digits !== undefined) return (Number(digits) <= matcher.groupCount() ? matcher.group(Number(digits)) : null) ?? ''
      if (name !== undefined) return (this.groupNames.includes(name) ? matcher.group(name) : null) ?? ''
      return whole === '$$' ? '$' : whole
    })
    return text.slice(0, matcher.start()) + filled + text.slice(matcher.end())
  }
}

/** Plain text from the start: it needs no program, of which ten thousand would take seconds to make and much memory. */
class LiteralRegex implements Regex {
  readonly source: string
  readonly groupNames: readonly string[] = []
  readonly #text: string

  constructor(source: string) {
    this.source = source
    this.#text = literalPrefix(source)
  }

  test(text: string): boolean {
    return text.startsWith(this.#text)
  }

  matchEnd(text: string): number {
    return this.test(text) ? this.#text.length : -1
  }

  captures(text: string): ReadonlyMap<string, string> | null {
    return this.test(text) ? NO_CAPTURES : null
  }

  replaceFirst(text: string, replacement: string): string | null {
    if (!this.test(text)) return null
    const filled = replacement.replaceAll(PLACEHOLDER, (whole: string, digits: string | undefined) => {
      if (whole === '$$') return '$'
      return Number(digits) === 0 ? this.#text : ''
    })
    return filled + text.slice(this.#text.length)
  }
}

const NO_CAPTURES: ReadonlyMap<string, string> = new Map()

const PLACEHOLDER = /\$\$|\$(\d{1,2})|\$<([A-Za-z_][A-Za-z0-9_]*)>/g

const FLAGS = /\(\?[A-Za-z-]*\)/

/**
 * The longest text that every match of an expression anchored at the start must begin with; empty when that is not easily told.
 * Comparing it first spares most requests the expression.
 */
export function literalPrefix(source: string): string {
  return readLiteral(source).text
}

/** Whether an expression anchored at the start is nothing but plain text: what begins with {@link literalPrefix} is a match, and nothing else. */
export function isLiteral(source: string): boolean {
  return readLiteral(source).isWhole
}

function readLiteral(source: string): { readonly text: string; readonly isWhole: boolean } {
  // An alternative may make any part of the text optional; and so may a group of flags, for RE2 lets a repetition behind it reach over it
  // to what stands before: `a(?i)*` and `a+?(?i){0,1}` may do without the a.
  if (/(?:^|[^\\])(?:\\\\)*\|/.test(source) || FLAGS.test(source)) return { text: '', isWhole: false }
  let text = ''
  let at = source.startsWith('^') ? 1 : 0
  while (at < source.length) {
    let char = source.charAt(at)
    let width = 1
    if (char === '\\') {
      char = source.charAt(at + 1)
      width = 2
      if (!/[-./_~!@#$%&=,;:+*?()[\]{}^'"<>|`]/.test(char)) break
    } else if (!/[-/_~!@#%&=,;:'"<>`A-Za-z0-9]/.test(char)) {
      break
    }
    const next = source.charAt(at + width)
    if (next === '?' || next === '*' || next === '{') break
    text += char
    at += width
    if (next === '+') break
  }
  return { text, isWhole: at === source.length }
}
