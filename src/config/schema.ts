/** The native form of a configuration: its keys, their defaults and what they mean. `docs/configuration.md` and the JSON Schema come from here. */

import { GRPC_STATUSES } from '../core/grpc-status.ts'
import { policyKind } from '../core/policy-name.ts'
import { byteSize, duration, headerNameText, integer, list, object, oneOf, oneOrMore, record, text, z } from '../core/schema.ts'
import { addressProblem, hostPatternProblem, serviceHostProblem } from './addresses.ts'
import { CONSUMERS_MAX, consumer } from './consumers-schema.ts'
import { decisions } from './decisions-schema.ts'
import { discovery, registries } from './discovery-schema.ts'
import { admin, limits, listener, statsd, stores } from './gateway-schema.ts'
import { accessLog, eventLog, tracing } from './logs-schema.ts'
import { metrics } from './metrics-schema.ts'
import { pathProblem, valueMatchProblem } from './paths.ts'
import { breaker, concurrency, fallback, health, mirror, split } from './resilience-schema.ts'
import { checkedText, methodText, nameText, portNumber, tokenText } from './schema-words.ts'
import { serviceTls } from './tls-schema.ts'

/** A policy's block once it is checked: `options` in the form the policy compiles from, null when the block is only `false`. */
export interface PolicyBlock {
  readonly mode: 'enforce' | 'shadow' | 'off'
  readonly options: unknown
}

const addressText = () => checkedText(300, addressProblem)

const target = z.union([
  addressText(),
  object({
    address: addressText().describe('`host:port`, `[::1]:port`, `http://host:port` or `https://host:port`.'),
    weight: integer({ min: 0, max: 65_535 }).default(1).describe('Share of the traffic relative to the other targets; 0 for none.'),
  }),
])

const balancerKinds = ['round-robin', 'random', 'least-connections', 'power-of-two', 'consistent-hash'] as const

const HASH_KEY = /^(client-ip|path|consumer|(header|query|cookie|param):[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,256})$/
const HASH_KEYS = '`client-ip`, `path`, `consumer`, `header:NAME`, `query:NAME`, `cookie:NAME` or `param:NAME`'

const balancer = z.union([
  oneOf(balancerKinds),
  object({
    kind: oneOf(balancerKinds).describe('How a target is chosen.'),
    by: z
      .string()
      .regex(HASH_KEY, { error: `expected ${HASH_KEYS}` })
      .default('client-ip')
      .describe(
        `What \`consistent-hash\` looks at: ${HASH_KEYS}. \`consumer\` is who has been authenticated, \`param\` a capture of the path.`,
      ),
    otherwise: z
      .string()
      .refine((key) => key === 'random' || HASH_KEY.test(key), { error: `expected \`random\`, ${HASH_KEYS}` })
      .default('client-ip')
      .describe('What it looks at in requests without that; what has neither goes by chance. `random`: chance at once.'),
    setCookie: text({ max: 1_024 })
      .regex(/^\/[\x21-\x3a\x3c-\x7e]*$/, { error: 'expected a path, such as `/`' })
      .optional()
      .describe('With `cookie:NAME`: clients without it are given one, with this `Path`. Default: they are not.'),
  }).superRefine(({ by, setCookie }, context) => {
    if (setCookie !== undefined && !by.startsWith('cookie:'))
      context.addIssue({ code: 'custom', path: ['setCookie'], message: 'expected `by: cookie:NAME` beside it' })
  }),
])

const retryBudget = object({
  ratio: z.number().min(0).max(10).default(0.2).describe('Retries allowed for each first try: 0.2 is one for five.'),
  minPerSecond: z.number().min(0).max(1_000_000).default(10).describe('Retries a second that are always allowed.'),
})

const retry = object({
  attempts: integer({ min: 1, max: 20 }).default(3).describe('Tries in all, the first one included. Without a `retry` block there is one.'),
  backoff: oneOf(['exponential', 'linear', 'constant']).default('exponential').describe('How the wait between two tries grows.'),
  backoffBase: duration({ max: 60_000 }).prefault('25ms').describe('The first wait; jitter takes off up to half of each.'),
  backoffMax: duration({ max: 600_000 }).prefault('1s').describe('The longest wait.'),
  statuses: list(integer({ min: 400, max: 599 }), { max: 200 })
    .default([])
    .describe('Statuses of a service that are tried again, for methods that may be.'),
  grpcStatuses: list(oneOf(GRPC_STATUSES), { max: 16 })
    .default([])
    .describe(
      'gRPC statuses of a service that are tried again, `UNAVAILABLE` say, where it answers with nothing else. What stands here may be sent twice.',
    ),
  nonIdempotent: z.boolean().default(false).describe('Whether POST and PATCH may be tried again after bytes were sent.'),
  bodyMax: byteSize({ max: 16 * 2 ** 20 })
    .prefault('64KiB')
    .describe('Largest request body that is kept for another try.'),
})

const valueMatch = z.union([z.literal(true, { error: 'expected text or `true`' }), checkedText(8_192, valueMatchProblem)])

const service = <P extends z.ZodType>(policies: P) =>
  object({
    targets: list(target, { min: 1 }).optional().describe('Where the service runs: `host:port`, or `{ address, weight }`.'),
    discovery: discovery.optional().describe('How its targets are found, in place of `targets`.'),
    balancer: balancer.default('round-robin').describe('How a target is chosen: a word, or `{ kind, by }` for `consistent-hash`.'),
    connectTimeout: duration({ min: 1 }).prefault('2s').describe('Longest time to open a connection.'),
    idleTimeout: duration({ min: 1 }).prefault('60s').describe('How long an unused connection is kept.'),
    connectionsMax: integer({ min: 1, max: 1_000_000 }).default(1024).describe('Connections to one target from one worker; more is 503.'),
    responseHeadBytesMax: byteSize({ min: 1024, max: 2 ** 20 })
      .prefault('32KiB')
      .describe('Largest response head; more is 502.'),
    host: checkedText(255, serviceHostProblem)
      .default('client')
      .describe("The Host that targets see: `client` (the client's), `target` (the target's own) or a fixed one."),
    tls: serviceTls
      .optional()
      .describe('How TLS is spoken with targets: `true` for the defaults, or a map. Default: as the addresses say, `https://host:port`.'),
    protocol: oneOf(['auto', 'http/1.1', 'h2'])
      .default('auto')
      .describe(
        'What is spoken with targets. `auto`: what ALPN agrees on over TLS, HTTP/1.1 without. `h2`: HTTP/2 only, without TLS from the first byte (h2c); gRPC needs it there.',
      ),
    retryBudget: retryBudget.prefault({}).describe('Bounds the retries to this service.'),
    breaker: breaker
      .optional()
      .describe('The circuit breaker: stops asking a service that fails. `{}` for the defaults; without it there is none.'),
    health: health.prefault({}).describe('Finds out which targets are well.'),
    concurrency: concurrency
      .optional()
      .describe('Bounds what a worker asks of the service at once; what is beyond waits, or is shed. Default: no bound.'),
    policies: policies.optional().describe('Policies for every route to this service, by kind.'),
  })

const priority = () => integer({ min: -1_000_000, max: 1_000_000 })

const route = <P extends z.ZodType>(policies: P) =>
  object({
    path: oneOrMore(checkedText(2_048, pathProblem), { max: 1_000 }).describe(
      'One or a list of: `/a/b` (exactly this), `/a/*` (this and everything below), `/a/:id/b` (`:id` takes a segment), `~regex`.',
    ),
    host: oneOrMore(checkedText(255, hostPatternProblem), { max: 1_000 })
      .optional()
      .describe(
        'One or a list of hosts; `*.example.com` takes one label for the star, `**.example.com` and `example.**` one or more. Default: any.',
      ),
    port: oneOrMore(portNumber(1), { max: 64 }).optional().describe('One or a list of ports of listeners. Default: any.'),
    serverName: oneOrMore(checkedText(255, hostPatternProblem), { max: 100 })
      .optional()
      .describe(
        'One or a list of names, as `host`, that clients name in the TLS handshake (SNI). Not asked of requests without TLS. Default: any.',
      ),
    method: oneOrMore(methodText(), { max: 50 }).optional().describe('One or a list of methods, in upper case. Default: any.'),
    headers: record(headerNameText(), valueMatch, { max: 50 })
      .default({})
      .describe('Headers the request must have: exact text, `~regex` for the whole value, or `true` for any.'),
    query: record(text({ max: 256 }), valueMatch, { max: 50 })
      .default({})
      .describe('Query parameters the request must have: exact text, `~regex` for the whole value, or `true` for any.'),
    priority: priority().default(0).describe('The higher one wins over every rule of specificity.'),
    pathPriority: record(text({ max: 2_048 }), priority(), { max: 1_000 })
      .default({})
      .describe('For some of its paths a priority in place of `priority`; by the path as `path` has it.'),
    protocols: oneOrMore(oneOf(['http', 'https', 'grpc', 'grpcs']), { max: 4 })
      .optional()
      .describe(
        'How requests must come, `http` taking both; `https` alone asks for TLS, `grpc` for calls of gRPC over HTTP/2, `grpcs` alone for both. It takes no part in what matches: another way is refused with 426 or 415. Default: any way.',
      ),
    httpsRedirect: z
      .union([z.literal(301), z.literal(302), z.literal(307), z.literal(308)])
      .optional()
      .describe('With `protocols: https`, the status of a redirect to https in place of a refusal.'),
    service: text({ max: 128 })
      .optional()
      .describe('Name of the service. Not needed where a policy answers (`redirect`, `static-response`), or with `split`.'),
    split: split.optional().describe('Divides the requests among several services by weight, in place of `service`.'),
    mirror: mirror.optional().describe('Sends a copy of each request to another service too; it can neither slow nor fail the original.'),
    fallback: fallback.optional().describe('What is answered when the service fails: first `stale`, then `service`, then `response`.'),
    timeout: duration({ min: 1 }).prefault('60s').describe('Bounds all tries together, to the end of the response head; longer is 504.'),
    attemptTimeout: duration({ min: 1 }).optional().describe('Bounds each try. Default: `timeout`.'),
    streamIdleTimeout: duration({ min: 1 }).prefault('60s').describe('Longest silence within a response body.'),
    retry: retry.optional().describe('Whether and how a request is tried again. Default: it is not.'),
    upgrades: list(tokenText('a protocol such as `websocket`'), { max: 20 })
      .default(['websocket'])
      .describe('Protocols a client may upgrade to.'),
    tunnel: object({
      idleTimeout: duration({ min: 1 }).prefault('1h').describe('Longest silence in both directions; then the tunnel is closed.'),
      lifetime: duration({ min: 1 })
        .optional()
        .describe('Longest life of a tunnel; a WebSocket is then closed between two messages. Default: none.'),
    })
      .prefault({})
      .describe('Bounds of what a client has upgraded to: WebSockets and other tunnels.'),
    policies: policies.optional().describe('Policies for this route, by kind.'),
  })

const root = <P extends z.ZodType>(policies: P) =>
  object({
    $schema: text({ max: 4_096 }).optional().describe('Address of the JSON Schema, for editors; not looked at.'),
    compatibility: oneOf(['kong'])
      .optional()
      .describe(
        '`kong`: requests are routed, policies ordered and refusals written as Kong does it, for clients that came to rely on it. Default: our own way.',
      ),
    listeners: list(listener, { min: 1, max: 64 }).prefault([{}]).describe('Ports that clients connect to. Default: one on port 8080.'),
    admin: admin.prefault({}).describe('The admin listener: health, metrics, configuration, states of services, purges of the cache.'),
    workers: z
      .union([z.literal('auto'), integer({ min: 1, max: 256 })])
      .default(1)
      .describe('Processes that serve traffic; `auto` for one per available CPU.'),
    limits: limits.prefault({}).describe('Bounds of what one client connection may ask.'),
    accessLog: z
      .union([z.literal(false, { error: 'expected `false` or a map' }), accessLog])
      .prefault({})
      .describe('The access log: one JSON object a line. `false` for none.'),
    eventLog: eventLog.optional().describe('Where the event log goes besides standard error. Default: nowhere.'),
    tracing: tracing.optional().describe('Traces of OpenTelemetry. Default: none; what clients say of their traces is passed on.'),
    decisions: z
      .union([z.literal(false, { error: 'expected `false` or a map' }), decisions])
      .prefault({})
      .describe('Decision records: why each of the newest requests was answered as it was, for `turnpike why`. `false` for none.'),
    metrics: metrics.prefault({}).describe('What is counted, and in how many series.'),
    statsd: statsd.optional().describe('A StatsD server that is told counts. Default: none.'),
    drainDelay: duration({ max: 3_600_000 })
      .prefault('0s')
      .describe(
        'How long a shutdown goes on serving while `/readyz` says 503, so that load balancers look elsewhere before anything closes.',
      ),
    drainTimeout: duration().prefault('30s').describe('Longest time a shutdown waits for requests to finish.'),
    drainSpread: duration()
      .prefault('10s')
      .describe('Over how long a shutdown ends WebSockets (close 1012) and server-sent events; at most 0.7 of `drainTimeout`.'),
    stores: stores.prefault({}).describe('Where limits and records are kept.'),
    registries: registries.prefault({}).describe('Where services are found that are discovered.'),
    consumers: record(nameText(), consumer(policies), { max: CONSUMERS_MAX })
      .default({})
      .describe('Consumers by name: who calls, with credentials and policies of their own.'),
    services: record(nameText(), service(policies)).default({}).describe('Services by name.'),
    routes: record(nameText(), route(policies))
      .default({})
      .describe('Routes by name. Their order does not matter: the most specific one wins.'),
    allowEmpty: z
      .boolean()
      .default(false)
      .describe('Take a configuration without routes from a store, which otherwise is refused: an emptied store looks the same.'),
    policies: policies
      .optional()
      .describe('Policies for every request, by kind. `request-id`, `forwarded-headers` and `identity-headers` are on unless `mode: off`.'),
  })

const mode = oneOf(['enforce', 'shadow', 'off'], 'it says whether the policy acts, not how')
  .default('enforce')
  .describe('`enforce` acts; `shadow` changes nothing and notes what it would have done; `off` is not there.')

/** A policy's block in the configuration: its options beside `mode`, or `false` for `mode: off`. Throws when `schema` is no object's. */
export function policyBlock(kind: string, schema: z.ZodType): z.ZodType<PolicyBlock> {
  const [shape, rest] = schema instanceof z.ZodPipe ? [schema.def.in, schema.def.out] : [schema, null]
  if (!(shape instanceof z.ZodObject)) throw new Error(`the schema of policy \`${kind}\` is no object`)
  const block = shape.safeExtend({ mode }).transform(({ mode: written, ...options }, context): PolicyBlock => {
    const checked = mode.parse(written)
    const result = rest === null ? null : z.safeParse(rest, options)
    if (result?.success === false) {
      for (const { message, path } of result.error.issues) context.addIssue({ code: 'custom', message, path: [...path] })
    }
    return { mode: checked, options: result === null ? options : result.data }
  })
  return z.union([
    z
      .literal(false, { error: 'expected a map (`{}` for the defaults) or `false`' })
      .transform((): PolicyBlock => ({ mode: 'off', options: null })),
    block,
  ])
}

/**
 * The schema of the native form with these policies, by kind. Of one that takes nothing (`z.never`), nothing can be configured.
 * @param named names in use for policies that stand beside others of their kind, `transform:edge`; those of no kind are not taken
 */
export function nativeSchema(policySchemas: ReadonlyMap<string, z.ZodType>, named: readonly string[] = []) {
  const blocks = new Map<string, z.ZodOptional<z.ZodType<PolicyBlock>>>()
  for (const [kind, schema] of policySchemas) {
    const block: z.ZodType<PolicyBlock> = schema instanceof z.ZodNever ? schema : policyBlock(kind, schema)
    blocks.set(kind, block.optional().describe(schema.description ?? `The \`${kind}\` policy.`))
  }
  for (const name of named) {
    const block = blocks.get(policyKind(name))
    if (block !== undefined && POLICY_NAME.test(name)) blocks.set(name, block)
  }
  return root(object(Object.fromEntries(blocks)))
}

/** `kind:name`. */
const POLICY_NAME = /^[a-z-]+:[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}$/

/** A configuration that has been checked, all defaults filled in but those that depend on others. */
export type NativeConfig = z.output<ReturnType<typeof nativeSchema>>

/** A configuration as it is written. */
export type NativeInput = z.input<ReturnType<typeof nativeSchema>>
export type NativeRoute = NativeConfig['routes'][string]
export type NativeService = NativeConfig['services'][string]
export type NativeConsumer = NativeConfig['consumers'][string]
