import { MEDIA_RANGE } from '../../core/media-types.ts'
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
    .describe(
      'The only statuses that are kept, single ones and classes such as `2xx`. With `ttl` 200, 203, 301 and 308 by default, else those that HTTP allows.',
    ),
  contentTypes: list(
    text({ max: 256 }).regex(MEDIA_RANGE, { error: 'expected a media type: `application/json; charset=utf-8`, or `text/*`' }),
    { max: 50 },
  )
    .optional()
    .describe(
      'The only media types that are kept, with exactly the parameters that are written: `application/json` is not `application/json; charset=utf-8`. `*` stands for any type or subtype. Default: all.',
    ),
  methods: list(oneOf(['GET', 'HEAD']), { min: 1, max: 2 })
    .default(['GET', 'HEAD'])
    .describe('Methods that are answered with what is kept. Only responses to GET are kept.'),
  defaultTtl: duration({ max: 30 * DAY_MS })
    .prefault('0s')
    .describe('Without `ttl`: how long a response is fresh that does not say so. With 0 it is not kept; nothing is guessed.'),
  keyHeaders: list(headerNameText(), { max: 16 })
    .default([])
    .describe('Headers of the request whose values tell responses apart, beside those that the service names in `Vary`.'),
  keyQuery: z
    .union([oneOf(['as-is', 'sorted']), list(text({ max: 256 }), { max: 100 })])
    .default('as-is')
    .describe(
      'How the query tells responses apart: as it is written, or whatever the order of its parameters, or by the parameters of a list alone, in any order.',
    ),
  ignorePathCase: z.boolean().default(false).describe('Whether paths that differ in case are one.'),
  shareAuthenticated: z
    .union([z.boolean(), z.literal('consumer')])
    .default(false)
    .describe(
      'Whether answers to requests with credentials are shared by all callers, even where the service does not say so; `consumer`: by all of one consumer, and by all who are none.',
    ),
  requestDirectives: oneOf(['obey', 'ignore', 'bypass'])
    .optional()
    .describe(
      "Whether the client's Cache-Control counts. By default it does not with `ttl`, and else it does. `bypass`: requests with `no-cache` or `Authorization` go past the cache, too.",
    ),
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
  age: z.boolean().default(true).describe('Whether `Age` tells how old a stored response is.'),
  cacheStatus: z.boolean().default(true).describe('Whether `Cache-Status` (RFC 9211) tells what the cache did.'),
  statusHeader: z
    .union([z.literal(false), headerNameText()])
    .default(false)
    .describe(
      'A header that tells in one word what the cache did: `Hit`, `Miss`, `Refresh` (it was not fresh enough), `Bypass` (it is not kept).',
    ),
  keyHeader: z
    .union([z.literal(false), headerNameText()])
    .default(false)
    .describe('A header with a digest of what the response is kept under.'),
})

export type CacheOptions = z.infer<typeof schema>
