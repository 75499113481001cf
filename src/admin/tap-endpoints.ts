import { object, text, z } from '../core/schema.ts'
import type { TapRule } from '../core/tap.ts'
import { type Answer, problem } from './answer.ts'
import { statusRange } from './decision-request.ts'
import { type Call, type Endpoint, parseQuery } from './endpoint.ts'
import type { AdminParts } from './parts.ts'
import { TAPS_MAX } from './tap-desk.ts'

const word = () => text({ max: 1_024 }).optional()
const tapQuery = object({
  route: word(),
  service: word(),
  consumer: word(),
  error: word(),
  path: word(),
  status: word(),
  sample: z
    .string()
    .regex(/^(?:0\.\d{1,6}|1(?:\.0{1,6})?)$/, { error: 'expected a share such as 0.1, at most 1' })
    .transform(Number)
    .refine((share) => share > 0, { error: 'expected a share above 0' })
    .optional(),
})

export const TAP_ENDPOINTS: readonly Endpoint[] = [
  {
    method: 'GET',
    path: '/tap',
    role: 'read',
    summary: `Exchanges as they finish, as server-sent events; at most ${TAPS_MAX} watchers, for an hour each.`,
    query: [
      { name: 'route', description: 'Name of the route.' },
      { name: 'service', description: 'Name of the service.' },
      { name: 'consumer', description: 'Name of the consumer.' },
      { name: 'error', description: 'Error code.' },
      { name: 'path', description: 'A part of the path.' },
      { name: 'status', description: '`404`, `5xx` or `400-499`.' },
      { name: 'sample', description: 'Share of those that fit, as `0.1`; 1 by default.' },
    ],
    response: {
      type: 'text/event-stream',
      schema: null,
      description: 'Events `exchange`, and `lost` with `{"count": n}` where the client or the gateway did not keep up.',
    },
    problems: { 503: `There are ${TAPS_MAX} watchers already.` },
    answer: open,
  },
]

function open({ tap }: AdminParts, { query }: Call): Answer {
  const parsed = parseQuery(query, tapQuery)
  if (!parsed.ok) return problem(400, parsed.reason)
  const { status, sample: ratio = 1, ...texts } = parsed.value
  const range = status === undefined ? [] : statusRange(status)
  if (range === null) return problem(400, 'status: expected 404, 5xx or 400-499.')
  if (tap.isFull) return problem(503, `There are ${TAPS_MAX} watchers already.`)
  const [statusMin, statusMax] = range
  const rule: TapRule = {
    ...given(texts),
    ...(statusMin !== undefined && { statusMin }),
    ...(statusMax !== undefined && { statusMax }),
    ratio,
  }
  return { status: 200, type: 'text/event-stream', body: '', stream: tap.stream(rule) }
}

type Texts = Omit<TapRule, 'statusMin' | 'statusMax' | 'ratio'>

/** Without those that are not given. */
function given(texts: { readonly [Key in keyof Texts]?: string | undefined }): Texts {
  const { route, service, consumer, error, path } = texts
  return {
    ...(route !== undefined && { route }),
    ...(service !== undefined && { service }),
    ...(consumer !== undefined && { consumer }),
    ...(error !== undefined && { error }),
    ...(path !== undefined && { path }),
  }
}
