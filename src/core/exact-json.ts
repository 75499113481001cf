/**
 * Reads numbers by their text. `JSON.parse` with a reviver can do that too (its `context.source`), at four times the time: a body of nothing
 * but such numbers would hold the worker up.
 */
import { type JsonObject, put } from './members.ts'
import { type JsonProblem, parseStrictJson, type StrictJsonOptions, stringEnd } from './strict-json.ts'

/** Whole numbers of so many digits are the same in every reader (2^53 has 16). */
const EXACT_DIGITS = 15
/** 0.000001 is written so, and 0.0000001 as 1e-7. */
const LEADING_ZEROS_MAX = 6
/** What every text with an odd number has somewhere, and many texts have not. */
const MAY_BE_ODD = /\d[.eE]|-0|\d{16}/

const SPACE = 0x20
const QUOTE = 0x22
const MINUS = 0x2d
const POINT = 0x2e
const DIGIT_0 = 0x30
const DIGIT_9 = 0x39
const COLON = 0x3a
const OPEN_BRACKET = 0x5b
const CLOSE_BRACKET = 0x5d
const OPEN_BRACE = 0x7b
const CLOSE_BRACE = 0x7d

/** What a number is made of, besides digits. */
const NUMBER_CHARS = new Set(['.', 'e', 'E', '+', '-'].map((char) => char.charCodeAt(0)))
/** By their first letter. */
const LITERALS: ReadonlyMap<string, readonly [string, unknown]> = new Map([
  ['t', ['true', true]],
  ['f', ['false', false]],
  ['n', ['null', null]],
])

/**
 * Reads JSON as {@link parseStrictJson} does. Numbers that JavaScript would write in another way (`1.0`, `12345678901234567890`, `1e3`) are
 * kept as raw JSON: they may be money.
 */
export function parseExactJson(bytes: Buffer, options: StrictJsonOptions): { readonly value: unknown } | JsonProblem {
  const parsed = parseStrictJson(bytes, options)
  if (!('value' in parsed)) return parsed
  const text = bytes.toString()
  return hasOddNumber(text) ? { value: readExactly(text) } : parsed
}

/** Whether any number would not come out of JavaScript as it went in. @param text valid JSON */
export function hasOddNumber(text: string): boolean {
  if (!MAY_BE_ODD.test(text)) return false
  for (let at = 0; at < text.length; at++) {
    const char = text.charCodeAt(at)
    if (char === QUOTE) at = stringEnd(text, at)
    else if (char === MINUS || isDigit(char)) {
      const plain = plainEnd(text, at)
      const end = plain === -1 ? numberEnd(text, at) : plain
      if (plain === -1 && isOdd(text.slice(at, end))) return true
      at = end - 1
    }
  }
  return false
}

/** The value of a text, with numbers that are odd as raw JSON. @param text valid JSON of bounded depth */
export function readExactly(text: string): unknown {
  return new Reader(text).value()
}

class Reader {
  readonly #text: string
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  value(): unknown {
    const char = this.#peek()
    if (char === QUOTE) return this.#string()
    if (char === OPEN_BRACE) return this.#object()
    if (char === OPEN_BRACKET) return this.#array()
    const literal = LITERALS.get(this.#text.charAt(this.#at))
    if (literal === undefined) return this.#number()
    const [word, value] = literal
    this.#at += word.length
    return value
  }

  /** The next character that is no blank. */
  #peek(): number {
    let char = this.#text.charCodeAt(this.#at)
    while (char <= SPACE) char = this.#text.charCodeAt(++this.#at)
    return char
  }

  #string(): string {
    const start = this.#at
    const end = stringEnd(this.#text, start)
    this.#at = end + 1
    const inner = this.#text.slice(start + 1, end)
    return inner.includes('\\') ? String(JSON.parse(this.#text.slice(start, end + 1))) : inner
  }

  #number(): unknown {
    const start = this.#at
    this.#at = numberEnd(this.#text, start)
    const written = this.#text.slice(start, this.#at)
    return isOdd(written) ? JSON.rawJSON(written) : Number(written)
  }

  #array(): unknown[] {
    const items: unknown[] = []
    while (this.#hasNext(CLOSE_BRACKET)) items.push(this.value())
    return items
  }

  #object(): JsonObject {
    const members: JsonObject = {}
    while (this.#hasNext(CLOSE_BRACE)) {
      const name = this.#string()
      if (this.#peek() === COLON) this.#at++
      put(members, name, this.value())
    }
    return members
  }

  /** Steps over what opens a list or parts its items, and over what closes it: then there is no next one. */
  #hasNext(close: number): boolean {
    if (this.#peek() !== close) this.#at++
    const char = this.#peek()
    if (char !== close) return true
    this.#at++
    return false
  }
}

/**
 * Where a number ends of which is plain without reading it that JavaScript writes it as it stands: at most fifteen digits (as many as survive
 * a double), no exponent, no zero at the end of a fraction, and not so small that it would get an exponent. -1 for all others.
 */
function plainEnd(text: string, start: number): number {
  const first = text.charCodeAt(start) === MINUS ? start + 1 : start
  const whole = digitsEnd(text, first)
  const isZero = text.charCodeAt(first) === DIGIT_0
  const next = text.charCodeAt(whole)
  if (!NUMBER_CHARS.has(next)) return whole - first <= EXACT_DIGITS && !(isZero && first > start) ? whole : -1
  if (next !== POINT) return -1
  const end = digitsEnd(text, whole + 1)
  if (NUMBER_CHARS.has(text.charCodeAt(end)) || text.charCodeAt(end - 1) === DIGIT_0 || end - first > EXACT_DIGITS) return -1
  if (!isZero) return end
  let zeros = whole + 1
  while (text.charCodeAt(zeros) === DIGIT_0) zeros++
  return zeros - whole <= LEADING_ZEROS_MAX ? end : -1
}

function digitsEnd(text: string, start: number): number {
  let end = start
  while (isDigit(text.charCodeAt(end))) end++
  return end
}

/** Whether JavaScript writes a number in another way. */
function isOdd(written: string): boolean {
  return !(written.length <= EXACT_DIGITS && written.charCodeAt(0) !== MINUS && isWhole(written)) && String(Number(written)) !== written
}

function isWhole(written: string): boolean {
  for (let i = 0; i < written.length; i++) if (!isDigit(written.charCodeAt(i))) return false
  return true
}

/** Where the number ends that begins at `start`. */
function numberEnd(text: string, start: number): number {
  let end = start + 1
  for (let char = text.charCodeAt(end); isDigit(char) || NUMBER_CHARS.has(char); char = text.charCodeAt(end)) end++
  return end
}

function isDigit(char: number): boolean {
  return char >= DIGIT_0 && char <= DIGIT_9
}
