import { describeIssue } from '../config/messages.ts'
import { normalisePath } from '../core/path.ts'
import type { Purge } from '../core/response-store.ts'
import { list, object, text, z } from '../core/schema.ts'
import { type JsonProblem, parseStrictJson } from '../core/strict-json.ts'

const DEPTH_MAX = 8
const TAGS_MAX = 100
const TAG_CHARS_MAX = 256

/** What a purge asks for, or why it cannot be done, in a sentence for who asked. */
export type PurgeRequest = { readonly ok: true; readonly purges: readonly Purge[] } | { readonly ok: false; readonly reason: string }

/** As requests name it (RFC 3986, 3.2.2), without a port: one cache key holds for all ports. */
const HOST = /^(?:[A-Za-z0-9._~-]{1,255}|\[[0-9A-Fa-f:.]{2,45}\])$/

const host = () =>
  z
    .string()
    .regex(HOST, { error: 'expected a host without a port, as in the Host header' })
    .transform((written) => written.toLowerCase())

/** In the normal form that requests are brought to, so that `/a/../b` and `/%62` purge what they would fetch. */
const path = () =>
  text().transform((written, context) => {
    const normal = normalisePath(written)
    if (normal !== null) return normal
    context.addIssue({ code: 'custom', message: 'expected a path that a request can have: it begins with `/` and has no query' })
    return z.NEVER
  })

const query = () => text({ min: 0 }).regex(/^[^?#\s][^#\s]*$|^$/, { error: 'expected a query as it is sent, without the question mark' })

const tag = () => text({ max: TAG_CHARS_MAX })

const KINDS = ['key', 'prefix', 'tag', 'tags', 'all'] as const

/** The body of a purge. */
export const purgeSchema = object({
  key: object({ host: host(), path: path(), query: query().default('') }).optional(),
  prefix: object({ path: path(), host: host().optional() }).optional(),
  tag: tag().optional(),
  tags: list(tag(), { min: 1, max: TAGS_MAX }).optional(),
  all: z.literal(true).optional(),
}).superRefine((value, context) => {
  if (KINDS.filter((kind) => value[kind] !== undefined).length === 1) return
  context.addIssue({ code: 'custom', message: `expected exactly one of ${KINDS.map((kind) => `\`${kind}\``).join(', ')}` })
})

/** Reads the body of a purge. Strict: a purge that is misread would leave in the cache what was to go. */
export function parsePurge(body: Uint8Array): PurgeRequest {
  const parsed = parseStrictJson(body, { depthMax: DEPTH_MAX })
  if (!('value' in parsed)) return { ok: false, reason: reasonOf(parsed) }
  const { success, data, error } = purgeSchema.safeParse(parsed.value, { error: describeIssue })
  return success ? { ok: true, purges: purgesOf(data) } : { ok: false, reason: `${error.issues.map(sentenceOfIssue).join('; ')}.` }
}

function purgesOf({ key, prefix, tag: single, tags = [], all }: z.output<typeof purgeSchema>): Purge[] {
  if (key !== undefined) return [{ kind: 'key', ...key }]
  if (prefix !== undefined) return [{ kind: 'prefix', path: prefix.path, host: prefix.host ?? null }]
  if (all) return [{ kind: 'all' }]
  return [...new Set(single === undefined ? tags : [single])].map((one) => ({ kind: 'tag', tag: one }))
}

function reasonOf({ problem, pointer }: JsonProblem): string {
  return pointer === '' ? `The body ${problem}.` : `The body is not JSON that can be read in one way: ${pointer} ${problem}.`
}

function sentenceOfIssue({ path: at, message }: z.core.$ZodIssue): string {
  return at.length === 0 ? message : `${at.map(String).join('.')}: ${message}`
}
