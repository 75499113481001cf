/** JSON in and out, so that what no rule touches comes out as the value that went in. */
import { isUtf8 } from 'node:buffer'
import { parseStrictJson } from '../../core/strict-json.ts'
import { hasOddNumber, readExactly } from './exact-json.ts'

/** Deepest nesting of a body's arrays and objects. */
const DEPTH_MAX = 64

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
  return hasOddNumber(text) ? { value: readExactly(text) } : parsed
}

/** Bytes that hold a value. */
export function writeJson(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value))
}
