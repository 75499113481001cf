import { z } from '../core/schema.ts'
import { type Answer, json, problem } from './answer.ts'
import type { Call, Endpoint } from './endpoint.ts'
import type { AdminParts } from './parts.ts'
import { parsePurge, purgeSchema } from './purge-request.ts'

export const CACHE_ENDPOINTS: readonly Endpoint[] = [
  {
    method: 'POST',
    path: '/cache/purge',
    role: 'write',
    summary: 'Has cached responses forgotten, in the memory of all workers and in Redis.',
    body: {
      types: ['application/json'],
      bytesMax: 64 * 1024,
      schema: () => purgeSchema,
      description: 'Exactly one of `key`, `prefix`, `tag`, `tags` and `all`.',
    },
    response: {
      schema: () =>
        z.object({
          purged: z.array(purgedSchema()),
          workers: z.int().describe('Workers whose memory is rid of it.'),
          stores: z.array(z.enum(['memory', 'redis'])).describe('Where policies keep responses.'),
        }),
      description: 'It was done everywhere.',
    },
    problems: { 503: 'It was not done everywhere. It may be repeated.' },
    answer: purge,
  },
]

/** What was forgotten, in the form that requests are brought to. */
function purgedSchema() {
  return z.discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('all') }),
    z.strictObject({ kind: z.literal('key'), host: z.string(), path: z.string(), query: z.string() }),
    z.strictObject({ kind: z.literal('prefix'), host: z.string().nullable().describe('Null for any.'), path: z.string() }),
    z.strictObject({ kind: z.literal('tag'), tag: z.string() }),
  ])
}

async function purge({ log, purge: have }: AdminParts, { request, body }: Call): Promise<Answer> {
  const parsed = parsePurge(body)
  if (!parsed.ok) return problem(400, parsed.reason)
  const { purges } = parsed
  const client = request.socket.remoteAddress ?? ''
  const { workers, stores, failures } = await have(purges)
  if (failures.length === 0) {
    log.info({ client, purges, workers, stores }, 'the cache was purged')
    return json({ purged: purges, workers, stores })
  }
  log.warn({ client, purges, workers, stores, failures }, 'a purge of the cache was not done everywhere')
  return problem(503, 'The purge was not done everywhere. It may be repeated.', { purged: purges, workers, stores, failures })
}
