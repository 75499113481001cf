import { isIP } from 'node:net'
import { type ConsumerIr, type GatewayIr, type RouteIr, servicesOf } from '../config/ir.ts'
import type { LimitSubjects, LimitsAnswer } from '../core/limit-view.ts'
import { text, z } from '../core/schema.ts'
import { isSecretName } from '../runtime/decisions/redact.ts'
import { type Answer, json, problem } from './answer.ts'
import { type Call, type Endpoint, parseQuery } from './endpoint.ts'
import type { AdminParts } from './parts.ts'

/** Policies in one answer: each is a question to its store. */
const POLICIES_MAX = 100

const word = () => text({ max: 1_024 }).optional()
const limitsQuery = z
  .object({
    ip: z
      .string()
      .refine((written) => isIP(written) !== 0, { error: 'expected an address' })
      .optional(),
    user: word(),
    consumer: word(),
    'api-key': word(),
    route: word(),
    service: word(),
    scope: word(),
  })
  .catchall(text({ max: 4_096 }))

const WORDS: ReadonlySet<string> = new Set(Object.keys(limitsQuery.shape))
const HEADER = /^header:[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,256}$/

export const LIMIT_ENDPOINTS: readonly Endpoint[] = [
  {
    method: 'GET',
    path: '/limits',
    role: 'read',
    summary: 'What is left of which rate limit, and until when. Takes nothing from it.',
    query: [
      { name: 'route', description: 'Only policies in force on this route; without it, all that may count such a request.' },
      { name: 'consumer', description: 'Name of the consumer.' },
      { name: 'user', description: 'Name of the user.' },
      { name: 'ip', description: 'Address of the client.' },
      {
        name: 'api-key',
        description: 'Id of one of the credentials of `consumer`; or `sha256:` and the hash of a key that nobody verifies.',
      },
      { name: 'service', description: 'Name of the service, where a route has several.' },
      { name: 'header:NAME', description: 'Value of the header, for limits by it. Not for headers that hold secrets.' },
      { name: 'scope', description: 'Only the policy at this place: `everywhere`, `service users`, `route orders`, `consumer app`, …' },
    ],
    response: { schema: limitsSchema, description: `At most ${POLICIES_MAX} policies.` },
    problems: { 404: 'There is no such route, consumer, credential, service or place.', 503: 'No worker answers.' },
    answer,
  },
]

async function answer({ config, limits }: AdminParts, { query }: Call): Promise<Answer> {
  const parsed = parseQuery(query, limitsQuery)
  if (!parsed.ok) return problem(400, parsed.reason)
  const { scope = null, ...given } = parsed.value
  const subjects = subjectsOf(given)
  if (typeof subjects === 'string') return problem(400, subjects)
  if (config.running === null) return problem(503, 'The gateway has no configuration yet.')
  const wrong = problemOf(config.running, subjects)
  if (wrong !== null) return wrong
  const found = await limits({ subjects, scope, max: POLICIES_MAX })
  if (found === null) return problem(503, 'No worker answers.')
  if (scope !== null && found.total === 0) return problem(404, `There is no limit at ${JSON.stringify(scope)} that counts what was given.`)
  return json(viewOf(found))
}

/** @returns a sentence about a parameter that is none, or that holds what does not belong there */
function subjectsOf(given: Readonly<Record<string, string | undefined>>): LimitSubjects | string {
  const subjects: Record<string, string> = {}
  for (const [name, value] of Object.entries(given)) {
    if (value === undefined) continue
    if (WORDS.has(name)) {
      subjects[name] = value
      continue
    }
    if (!HEADER.test(name)) return `${name}: there is no such parameter.`
    const header = name.slice('header:'.length).toLowerCase()
    if (isSecretName(header)) return `${name}: what may be a secret does not belong into an address.`
    subjects[`header:${header}`] = value
  }
  const { 'api-key': key, consumer } = subjects
  if (key === undefined || /^sha256:[0-9a-f]{64}$/.test(key)) return subjects
  return consumer === undefined
    ? 'api-key: expected the id of a credential, with its consumer, or sha256: and 64 hexadecimal digits.'
    : subjects
}

/** What is asked for and not there; null for nothing. */
function problemOf({ routes, services, consumers }: GatewayIr, subjects: LimitSubjects): Answer | null {
  const { route: routeName, service: serviceName, consumer: consumerName, 'api-key': key } = subjects
  const route = named(routes, routeName)
  if (routeName !== undefined && route === undefined) return missing('route', routeName)
  if (serviceName !== undefined && named(services, serviceName) === undefined) return missing('service', serviceName)
  if (route !== undefined && serviceName !== undefined && !asks(route, serviceName))
    return problem(404, `Route ${route.name} does not ask service ${serviceName}.`)
  const consumer = named(consumers, consumerName)
  if (consumerName !== undefined && consumer === undefined) return missing('consumer', consumerName)
  if (consumer !== undefined && key !== undefined && !key.startsWith('sha256:') && !has(consumer, key))
    return problem(404, `Consumer ${consumer.name} has no credential ${JSON.stringify(key)}.`)
  return null
}

function named<T extends { readonly name: string }>(list: readonly T[], wanted: string | undefined): T | undefined {
  return wanted === undefined ? undefined : list.find(({ name }) => name === wanted)
}

function asks(route: RouteIr, service: string): boolean {
  return servicesOf(route).includes(service)
}

function has({ credentials }: ConsumerIr, id: string): boolean {
  return credentials.some((credential) => credential.id === id)
}

function missing(what: string, name: string): Answer {
  return problem(404, `There is no ${what} ${JSON.stringify(name)}.`)
}

function viewOf({ total, policies }: LimitsAnswer) {
  return { total, policies: policies.map(({ policy: { kind, mode, scope, at }, reading }) => ({ kind, mode, scope, at, ...reading })) }
}

function limitsSchema() {
  const limit = z.strictObject({
    name: z.string(),
    by: z.array(z.string()),
    algorithm: z.enum(['token-bucket', 'fixed-window', 'sliding-window']),
    capacity: z.number(),
    periodMs: z.number().describe('Bucket: the time in which an empty one fills. Windows: their length.'),
    counts: z.record(z.string(), z.string()).nullable().describe('Whose state it is; null when something of it was not given.'),
    missing: z.array(z.string()).describe('What of `by` was not given.'),
    remaining: z.number().nullable().describe('Whole requests; null where it is not known.'),
    resetMs: z.number().nullable().describe('Milliseconds until all is there again.'),
  })
  const policy = z.strictObject({
    kind: z.string(),
    mode: z.enum(['enforce', 'shadow']),
    scope: z.string(),
    at: z.strictObject({ file: z.string(), line: z.int(), column: z.int() }),
    store: z.enum(['memory', 'redis']),
    reach: z
      .enum(['worker', 'gateway', 'gateways'])
      .describe('Who counts together. `worker`: memory cannot be shared here, and this is the part of one worker.'),
    refusal: z
      .strictObject({ limit: z.string(), retryAfterMs: z.number().nullable() })
      .nullable()
      .describe('What the next request would be refused by, among limits whose subject is known; `retryAfterMs` null for never.'),
    unavailable: z.string().nullable().describe('Why the store does not say: `limit_store_unavailable`.'),
    limits: z.array(limit),
  })
  return z.strictObject({ total: z.int().describe('Policies that are meant.'), policies: z.array(policy) })
}
