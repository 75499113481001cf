import { parseStrictJson } from '../../core/strict-json.ts'

/** A JSON object of which nothing is known yet. */
export type JsonObject = Readonly<Record<string, unknown>>

const DEPTH_MAX = 32

/**
 * The object that a text holds; null when it is none, when a member is named twice at any depth, or when it is nested deeper than 32 levels.
 * RFC 7519, 4 lets a reader refuse repeated names, and `JSON.parse` silently takes the last one: a service behind us may take the first.
 */
export function parseObject(text: string): JsonObject | null {
  const parsed = parseStrictJson(text, { depthMax: DEPTH_MAX })
  return 'value' in parsed && isObject(parsed.value) ? parsed.value : null
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
