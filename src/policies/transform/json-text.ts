/** JSON in and out, so that what no rule touches comes out as the value that went in. */
import { isUtf8 } from 'node:buffer'
import { parseStrictJson, stringEnd } from '../../core/strict-json.ts'

/** Deepest nesting of a body's arrays and objects. */
const DEPTH_MAX = 64
/** Whole numbers of so many digits are the same in every reader (2^53 has 16). */
const EXACT_DIGITS = 15

const QUOTE = 0x22
const MINUS = 0x2d
const DIGIT_0 = 0x30
const DIGIT_9 = 0x39
/** What every text with an odd number has somewhere, and many texts have not. */
const MAY_BE_ODD = /\d[.eE]|-0|\d{16}/
/** What a number is made of, besides digits. */
const NUMBER_CHARS = new Set(['.', 'e', 'E', '+', '-'].map((char) => char.charCodeAt(0)))

/**
 * The value of a JSON text, read strictly: an object that names a member twice is none, since the service might read the other one.
 * Numbers that JavaScript would write in another way (`1.0`, `12345678901234567890`, `1e3`) are kept as raw JSON: they may be money.
 * @returns undefined for what is no JSON
 */
export function readJson(body: Buffer): { readonly value: unknown } | undefined {
  if (!isUtf8(body)) return undefined
  const text = body.toString()
  const parsed = parseStrictJson(text, { depthMax: DEPTH_MAX })
  if (!('value' in parsed)) return undefined
  return MAY_BE_ODD.test(text) && hasOddNumber(text) ? { value: JSON.parse(text, keepNumber) } : parsed
}

function keepNumber(_key: string, value: unknown, { source }: { readonly source?: string }): unknown {
  return typeof value === 'number' && source !== undefined && String(value) !== source ? JSON.rawJSON(source) : value
}

/** Whether any number would not come out as it went in. Reading with a reviver costs several times as much, and most texts have none. */
function hasOddNumber(text: string): boolean {
  for (let at = 0; at < text.length; at++) {
    const char = text.charCodeAt(at)
    if (char === QUOTE) at = stringEnd(text, at)
    else if (char === MINUS || isDigit(char)) {
      const start = at
      let isPlain = char !== MINUS
      for (let next = text.charCodeAt(at + 1); isDigit(next) || NUMBER_CHARS.has(next); next = text.charCodeAt(at + 1)) {
        if (!isDigit(next)) isPlain = false
        at++
      }
      if (isPlain && at - start < EXACT_DIGITS) continue
      const written = text.slice(start, at + 1)
      if (String(Number(written)) !== written) return true
    }
  }
  return false
}

function isDigit(char: number): boolean {
  return char >= DIGIT_0 && char <= DIGIT_9
}

/** Bytes that hold a value. */
export function writeJson(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value))
}
