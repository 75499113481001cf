import { nearest } from '../../core/nearest.ts'
import { duration, integer, list, object, oneOf, oneOrMore, text, z } from '../../core/schema.ts'
import { SUBJECT_WORDS } from './subjects.ts'

const LIMITS_MAX = 16
const NUMBER_MAX = 1_000_000_000
const WINDOW_MAX_MS = 31 * 86_400_000
const ABOVE_ZERO = { error: 'expected a number above 0' }

const SPAN_SECONDS = { second: 1, minute: 60, hour: 3_600, day: 86_400 }
const spans = oneOf(['second', 'minute', 'hour', 'day'])
const windows = oneOf(['second', 'minute', 'hour', 'day', 'month', 'year'])

/** Paths are compared with those of requests, which have no query and no blanks. */
const PREFIXED = /^(header:[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,256}|path:\/[!-~]{0,255})$/

const subject = text({ max: 300 }).superRefine((written, context) => {
  if (SUBJECT_WORDS.some((word) => word === written) || PREFIXED.test(written)) return
  const near = nearest(written, SUBJECT_WORDS)
  const words = SUBJECT_WORDS.map((word) => `\`${word}\``).join(', ')
  context.addIssue({
    code: 'custom',
    message: `expected one of ${words}, \`header:NAME\` or \`path:/a/path\`, found \`${written}\`${near === null ? '' : `; did you mean \`${near}\`?`}`,
  })
})

const limitShape = {
  name: text({ max: 64 })
    .regex(/^[A-Za-z0-9._-]+$/, { error: 'expected letters, digits and any of . _ -' })
    .optional()
    .describe('What the limit is called in response headers; what `by` says when it is left out.'),
  by: oneOrMore(subject, { max: 4 })
    .optional()
    .describe(
      'What is counted: `ip`, `user`, `consumer`, `credential`, `api-key`, `header:NAME`, `path:/a/path`, `route`, `service`, or a list of these, which are then counted together. `identity`, which is the default: the consumer, else the user, else the address.',
    ),
  rate: z.number().positive(ABOVE_ZERO).max(NUMBER_MAX).optional().describe('A token bucket: requests that come back in each `per`.'),
  per: spans.optional().describe('The unit of `rate`: `second` by default.'),
  capacity: integer({ min: 1, max: NUMBER_MAX }).optional().describe('Most requests at once of a token bucket; `rate` by default.'),
  window: z
    .union([windows, duration({ min: 100, max: WINDOW_MAX_MS })], {
      error: 'expected `second`, `minute`, `hour`, `day`, `month`, `year` or a duration from `100ms` to 31 days',
    })
    .optional()
    .describe('A window: the time in which `limit` requests are admitted. `month` and `year` are those of the calendar, in UTC.'),
  limit: integer({ min: 1, max: NUMBER_MAX }).optional().describe('Requests that one window admits.'),
  algorithm: oneOf(['fixed-window', 'sliding-window'])
    .optional()
    .describe('Whether windows follow the clock (`fixed-window`, the default), or any span of that length counts (`sliding-window`).'),
  otherwise: oneOf(['skip', 'ip'])
    .optional()
    .describe('What happens to requests without what `by` names: the limit does not apply (`skip`, the default), or counts by address.'),
}

type LimitShape = z.output<z.ZodObject<typeof limitShape>>
const LIMIT_KEYS = Object.keys(limitShape) as readonly (keyof LimitShape)[]

function limitProblem({ rate, per, capacity, window, limit, algorithm }: LimitShape): string | null {
  if (rate === undefined && window === undefined && limit === undefined) return 'expected `rate`, or `window` and `limit`'
  if (rate !== undefined) {
    if (window === undefined && limit === undefined && algorithm === undefined) {
      const held = rate / (1000 * SPAN_SECONDS[per ?? 'second'])
      return (capacity ?? rate) >= held
        ? null
        : `\`capacity\` is less than comes back in a millisecond: expected ${Math.ceil(held)} or more`
    }
    return '`rate` makes a token bucket, `window`, `limit` and `algorithm` make a window: one limit cannot be both'
  }
  if (window === undefined || limit === undefined) return 'a window needs both `window` and `limit`'
  if ((window === 'month' || window === 'year') && algorithm === 'sliding-window') return `a window of a ${window} cannot slide`
  return per === undefined && capacity === undefined ? null : '`per` and `capacity` belong to `rate`'
}

const limit = object(limitShape).superRefine((written, context) => {
  const message = limitProblem(written)
  if (message !== null) context.addIssue({ code: 'custom', message })
})

export const schema = object({
  ...limitShape,
  limits: list(limit, { min: 1, max: LIMITS_MAX })
    .optional()
    .describe('Several limits, each with the keys above. They are taken together or not at all.'),
  cost: integer({ min: 1, max: NUMBER_MAX }).default(1).describe('What one request takes from each limit.'),
  store: oneOf(['memory', 'redis'])
    .default('memory')
    .describe('Where it is counted: the memory of this machine, exact over its workers, or `stores.redis`, for several machines.'),
  onStoreError: oneOf(['closed', 'open', 'local-share'])
    .default('closed')
    .describe(
      'What happens when Redis does not answer: 503 (`closed`), no limit (`open`), or this instance admits its `localShare` from memory.',
    ),
  localShare: z
    .number()
    .positive(ABOVE_ZERO)
    .max(1)
    .optional()
    .describe('With `onStoreError: local-share`: the part of each limit that this instance admits alone, 0.25 for one of four.'),
  headers: oneOf(['ietf', 'x-ratelimit', 'both', 'per-window', 'none', 'hidden'])
    .default('ietf')
    .describe(
      'Which response headers tell clients what is left: `RateLimit` and `RateLimit-Policy`, the `X-RateLimit` family, or both; `per-window`: `X-RateLimit-Limit-Minute` and so on for each window, and `RateLimit-Limit`, `-Remaining` and `-Reset` of the tightest. `hidden` does not say on refusals either what refused and for how long.',
    ),
  status: integer({ min: 400, max: 599 }).default(429).describe('Status of refusals.'),
  message: text({ max: 1_000 }).optional().describe('What refusals tell clients, besides that the limit is exceeded.'),
  guard: z
    .boolean()
    .default(true)
    .describe(
      'Whether limits that need nobody to be known are looked at before authentication too, and charged with what is refused there. `false`: only requests that come as far as this policy count.',
    ),
  counter: text({ max: 256 })
    .optional()
    .describe(
      'Name of what is counted in: policies that name the same one, with the same limits, count together. Default: the place of the policy.',
    ),
  ipv6Prefix: integer({ min: 1, max: 128 })
    .default(64)
    .describe('Leading bits of an IPv6 address that are one client: its owner can use all others.'),
}).superRefine((written, context) => {
  const problem = (message: string, ...path: string[]): void => context.addIssue({ code: 'custom', message, path })
  const { limits, onStoreError, localShare } = written
  if (limits === undefined) {
    const message = limitProblem(written)
    if (message !== null) problem(`${message}; several limits stand under \`limits\``)
  } else {
    for (const key of LIMIT_KEYS) if (written[key] !== undefined) problem('with `limits`, each limit stands there', key)
    const names = limits.flatMap(({ name }) => name ?? [])
    if (new Set(names).size < names.length) problem('two limits have the same name', 'limits')
  }
  const all = limits ?? [written]
  if (written.headers === 'per-window' && all.some(({ window }) => typeof window !== 'string')) {
    problem('`per-window` needs limits whose `window` is one of `second`, `minute`, `hour`, `day`, `month` and `year`', 'headers')
  }
  if (written.headers === 'per-window' && new Set(all.map(({ window }) => window)).size < all.length) {
    problem('`per-window` tells one limit for each window', 'headers')
  }
  if (onStoreError === 'local-share' && localShare === undefined) problem('`onStoreError: local-share` needs `localShare`', 'onStoreError')
  if (onStoreError !== 'local-share' && localShare !== undefined) problem('only for `onStoreError: local-share`', 'localShare')
})

export type RateLimitOptions = z.output<typeof schema>
