import { type ConsumerIr, type RouteIr, servicesOf } from '../config/ir.ts'
import { isInForce } from '../core/consumers.ts'
import { object, text, z } from '../core/schema.ts'
import { type Answer, json, problem } from './answer.ts'
import { type Call, type Endpoint, parseQuery } from './endpoint.ts'
import type { AdminParts } from './parts.ts'

const LIMIT_DEFAULT = 100
const LIMIT_MAX = 1_000

const PAGE = [
  { name: 'text', description: 'What a name, or another text of the entry, must contain; in whatever case.' },
  { name: 'limit', description: `Most entries; ${LIMIT_DEFAULT} by default, at most ${LIMIT_MAX}.` },
  { name: 'offset', description: 'How many to leave out at the beginning; 0 by default.' },
]

const number = (max: number) =>
  z
    .string()
    .regex(/^\d{1,7}$/, { error: 'expected a number' })
    .transform(Number)
    .refine((value) => value <= max, { error: `expected at most ${max}` })
const pageQuery = object({
  text: text({ min: 0, max: 1_024 }).optional(),
  limit: number(LIMIT_MAX).optional(),
  offset: number(1_000_000).optional(),
})

/** What the configuration in force has, in pages. */
export const ROUTE_ENDPOINTS: readonly Endpoint[] = [
  {
    method: 'GET',
    path: '/routes',
    role: 'read',
    summary: 'Routes in force, in pages.',
    query: PAGE,
    response: { schema: () => pageOf('routes', routeSchema()), description: 'In the order of the configuration.' },
    answer: ({ config }, call) => page('routes', config.running?.routes ?? [], call, routeView, routeTexts),
  },
  {
    method: 'GET',
    path: '/consumers',
    role: 'read',
    summary: 'Consumers in force, with their groups and the validity of their credentials, in pages. No secrets.',
    query: PAGE,
    response: { schema: () => pageOf('consumers', consumerSchema()), description: 'In the order of the configuration.' },
    answer: ({ config }: AdminParts, call) => page('consumers', config.running?.consumers ?? [], call, consumerView, consumerTexts),
  },
]

function page<T>(
  key: string,
  all: readonly T[],
  { query }: Call,
  view: (item: T) => unknown,
  texts: (item: T) => readonly string[],
): Answer {
  const parsed = parseQuery(query, pageQuery)
  if (!parsed.ok) return problem(400, parsed.reason)
  const { text: wanted = '', limit = LIMIT_DEFAULT, offset = 0 } = parsed.value
  const needle = wanted.toLowerCase()
  const found = needle === '' ? all : all.filter((item) => texts(item).some((one) => one.toLowerCase().includes(needle)))
  return json({ total: found.length, offset, [key]: found.slice(offset, offset + limit).map(view) })
}

function pageOf(key: string, item: z.ZodType) {
  return z.object({ total: z.int().describe('That fit.'), offset: z.int(), [key]: z.array(item) })
}

/** Of headers and query parameters only the names: what they must be may be a secret. */
function routeView(route: RouteIr) {
  const { name, at, match, priority, policies } = route
  return {
    name,
    at,
    hosts: match.hosts,
    paths: match.paths,
    methods: match.methods,
    headers: match.headers.map((header) => header.name),
    query: match.query.map((parameter) => parameter.name),
    priority,
    services: servicesOf(route),
    policies: policies.map(({ kind, mode }) => ({ kind, mode })),
  }
}

function routeTexts(route: RouteIr): readonly string[] {
  return [route.name, ...route.match.hosts, ...route.match.paths, ...servicesOf(route)]
}

function consumerView({ name, at, groups, credentials, policies }: ConsumerIr) {
  const nowMs = Date.now()
  const timeOf = (ms: number | null): string | null => (ms === null ? null : new Date(ms).toISOString())
  return {
    name,
    at,
    groups,
    credentials: credentials.map((credential) => ({
      id: credential.id,
      kind: credential.kind,
      notBefore: timeOf(credential.notBeforeMs),
      expiresAt: timeOf(credential.expiresAtMs),
      inForce: isInForce(credential, nowMs),
    })),
    policies: policies.map(({ kind, mode }) => ({ kind, mode })),
  }
}

function consumerTexts({ name, groups, credentials }: ConsumerIr): readonly string[] {
  return [name, ...groups, ...credentials.map(({ id }) => id)]
}

const place = () => z.object({ file: z.string(), line: z.int(), column: z.int() })
const policies = () => z.array(z.object({ kind: z.string(), mode: z.enum(['enforce', 'shadow', 'off']) }))

function routeSchema() {
  const texts = z.array(z.string())
  return z.object({
    name: z.string(),
    at: place(),
    hosts: texts,
    paths: texts,
    methods: texts,
    headers: texts.describe('Names of headers that are looked at.'),
    query: texts.describe('Names of query parameters that are looked at.'),
    priority: z.int(),
    services: texts,
    policies: policies(),
  })
}

function consumerSchema() {
  const credential = z.object({
    id: z.string(),
    kind: z.enum(['key', 'basic', 'hmac', 'jwt', 'certificate']),
    notBefore: z.string().nullable(),
    expiresAt: z.string().nullable(),
    inForce: z.boolean(),
  })
  return z.object({ name: z.string(), at: place(), groups: z.array(z.string()), credentials: z.array(credential), policies: policies() })
}
