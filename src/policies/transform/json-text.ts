/** JSON in and out, so that what no rule touches comes out as the value that went in. */
import { parseExactJson } from '../../core/exact-json.ts'

/** Deepest nesting of a body's arrays and objects. */
const DEPTH_MAX = 64

/**
 * The value of a JSON text, read strictly: an object that names a member twice is none, since the service might read the other one.
 * Numbers keep their text.
 * @returns undefined for what is no JSON
 */
export function readJson(body: Buffer): { readonly value: unknown } | undefined {
  const parsed = parseExactJson(body, { depthMax: DEPTH_MAX })
  return 'value' in parsed ? parsed : undefined
}

/** Bytes that hold a value. */
export function writeJson(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value))
}
