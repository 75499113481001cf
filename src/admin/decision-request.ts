import { describeIssue } from '../config/messages.ts'
import type { DecisionFilter } from '../core/decision.ts'
import { object, record, text, z } from '../core/schema.ts'
import { parseStrictJson } from '../core/strict-json.ts'

const LIST_DEFAULT = 50
const LIST_MAX = 1_000
const VALUE_CHARS_MAX = 1_024

/** What `GET /decisions` asks for, or what is wrong with it, in a sentence for who asked. */
export type DecisionsRequest =
  | { readonly ok: true; readonly filter: DecisionFilter; readonly max: number }
  | { readonly ok: false; readonly reason: string }

const TEXTS = ['route', 'service', 'consumer', 'method', 'path', 'error', 'policy', 'shadow'] as const

/** What the query of `GET /decisions` may hold. */
export const DECISION_PARAMETERS = [
  { name: 'route', description: 'Name of the route.' },
  { name: 'service', description: 'Name of the service.' },
  { name: 'consumer', description: 'Name of the consumer.' },
  { name: 'method', description: 'Method of the request.' },
  { name: 'path', description: 'A part of the path.' },
  { name: 'error', description: 'Error code.' },
  { name: 'policy', description: 'Kind of a policy that answered, or in shadow would have; `*` for any.' },
  { name: 'shadow', description: 'Kind of a policy that in shadow would have answered; `*` for any.' },
  { name: 'status', description: '`404`, `5xx` or `400-499`.' },
  { name: 'since', description: 'A time in ISO 8601.' },
  { name: 'limit', description: `Most records; ${LIST_DEFAULT} by default, at most ${LIST_MAX}.` },
] as const

/**
 * Reads the query of `GET /decisions`: `route`, `service`, `consumer`, `method`, `path` (a part of it), `error`, `policy`, `shadow`, `status` (`404`,
 * `5xx` or `400-499`), `since` (ISO 8601), `limit` (50, at most 1000).
 */
export function parseDecisionsQuery(query: string): DecisionsRequest {
  const params = new URLSearchParams(query)
  const texts: Partial<Record<(typeof TEXTS)[number], string>> = {}
  let status: readonly [number, number] | null = null
  let sinceMs: number | undefined
  let max = LIST_DEFAULT
  for (const [key, value] of params) {
    const textKey = TEXTS.find((known) => known === key)
    if (params.getAll(key).length > 1) return wrong(`${key} stands twice.`)
    if (value.length > VALUE_CHARS_MAX) return wrong(`${key} is longer than ${VALUE_CHARS_MAX} characters.`)
    if (textKey !== undefined) texts[textKey] = value
    else if (key === 'status') {
      status = statusRange(value)
      if (status === null) return wrong('status: expected 404, 5xx or 400-499.')
    } else if (key === 'since') {
      sinceMs = Date.parse(value)
      if (Number.isNaN(sinceMs)) return wrong('since: expected a time such as 2026-01-31T12:00:00Z.')
    } else if (key === 'limit') {
      max = /^[1-9][0-9]{0,3}$/.test(value) ? Number(value) : LIST_MAX + 1
      if (max > LIST_MAX) return wrong(`limit: expected 1 to ${LIST_MAX}.`)
    } else return wrong(`There is no parameter ${key}; there is ${[...TEXTS, 'status', 'since', 'limit'].join(', ')}.`)
  }
  const [statusMin, statusMax] = status ?? []
  const filter = {
    ...texts,
    ...(statusMin !== undefined && { statusMin }),
    ...(statusMax !== undefined && { statusMax }),
    ...(sinceMs !== undefined && { sinceMs }),
  }
  return { ok: true, filter, max }
}

function wrong(reason: string): { readonly ok: false; readonly reason: string } {
  return { ok: false, reason }
}

/** `404`, `5xx` or `400-499`; null for anything else. */
export function statusRange(text: string): [number, number] | null {
  const [, one, hundred, from, to] = /^(?:([0-9]{1,3})|([1-5])xx|([0-9]{1,3})-([0-9]{1,3}))$/i.exec(text) ?? []
  if (one !== undefined) return [Number(one), Number(one)]
  if (hundred !== undefined) return [Number(hundred) * 100, Number(hundred) * 100 + 99]
  return from === undefined || to === undefined ? null : [Number(from), Number(to)]
}

const HEADERS_MAX = 50

/** The body of `POST /decisions/ID/if`. */
export const whatIfSchema = object({ headers: record(text({ max: 256 }), z.union([text({ min: 0 }), z.null()]), { max: HEADERS_MAX }) })

/** What `POST /decisions/ID/if` asks for, or what is wrong with it. */
export type WhatIfRequest =
  | { readonly ok: true; readonly headers: Readonly<Record<string, string | null>> }
  | { readonly ok: false; readonly reason: string }

/** Reads the body of `POST /decisions/ID/if`: `{ "headers": { "X-Beta": "1", "Cookie": null } }`, null for none. */
export function parseWhatIf(body: Uint8Array): WhatIfRequest {
  const parsed = parseStrictJson(body, { depthMax: 4 })
  if (!('value' in parsed)) return { ok: false, reason: 'The body is not JSON that can be read in one way.' }
  const { success, data, error } = whatIfSchema.safeParse(parsed.value, { error: describeIssue })
  if (success) return { ok: true, headers: data.headers }
  return { ok: false, reason: `${error.issues.map(({ path, message }) => `${path.map(String).join('.')}: ${message}`).join('; ')}.` }
}
