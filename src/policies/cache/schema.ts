import { byteSize, duration, headerNameText, integer, list, object, oneOf, text, z } from '../../core/schema.ts'
import { statusProblem } from '../../core/status-set.ts'

const DAY_MS = 86_400_000
const status = z.union([integer({ min: 100, max: 599 }), text({ max: 3 })]).superRefine((item, context) => {
  const problem = statusProblem(item)
  if (problem !== null) context.addIssue({ code: 'custom', message: problem })
})

export const schema = object({
  store: oneOf(['memory', 'redis']).default('memory').describe('Where responses are kept: in each worker, or shared by several gateways.'),
  ttl: duration({ min: 1, max: 30 * DAY_MS })
    .optional()
    .describe('How long every response is fresh that is kept. Without it the service says what is kept and for how long (RFC 9111).'),
  statuses: list(status, { min: 1, max: 50 })
    .optional()
    .describe('With `ttl`: the statuses that are kept, single ones and classes such as `2xx`; 200, 203, 301 and 308 by default.'),
  defaultTtl: duration({ max: 30 * DAY_MS })
    .prefault('0s')
    .describe('Without `ttl`: how long a response is fresh that does not say so. With 0 it is not kept; nothing is guessed.'),
  keyHeaders: list(headerNameText(), { max: 16 })
    .default([])
    .describe('Headers of the request whose values tell responses apart, beside those that the service names in `Vary`.'),
  shareAuthenticated: z
    .boolean()
    .default(false)
    .describe('Whether answers to requests with credentials are shared by all callers, even where the service does not say so.'),
  requestDirectives: oneOf(['obey', 'ignore'])
    .optional()
    .describe("Whether the client's Cache-Control counts. By default it does not with `ttl`, and else it does."),
  bodyBytesMax: byteSize({ min: 1, max: 64 * 2 ** 20 })
    .prefault('1MiB')
    .describe('Largest body that is kept.'),
  staleWhileRevalidate: duration({ max: DAY_MS })
    .prefault('0s')
    .describe('So long after its freshness a response is still given, while it is brought up to date. What the service says counts first.'),
  staleIfError: duration({ max: 7 * DAY_MS })
    .prefault('0s')
    .describe('So long after its freshness a response is given where the service fails. What the service says counts first.'),
  keepStale: duration({ max: 7 * DAY_MS })
    .prefault('1h')
    .describe('So long after its freshness a response is kept at least: to be validated, and for `fallback.stale` of a route.'),
  collapse: z
    .boolean()
    .default(true)
    .describe('Whether requests for a response that is being fetched wait for it, instead of fetching it as well.'),
  collapseTimeout: duration({ min: 1, max: 60_000 }).prefault('5s').describe('Longest such wait; the request then goes on by itself.'),
  tagsHeader: headerNameText()
    .default('Cache-Tag')
    .describe('Header of the response with its tags for purges, separated by commas or blanks. Clients do not see it.'),
})

export type CacheOptions = z.infer<typeof schema>
