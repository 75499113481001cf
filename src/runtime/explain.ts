import { findRoute, unanswered } from '../compile/find-route.ts'
import type { RoutePlan, Step } from '../compile/plan.ts'
import type { NearMiss, RouteMatch } from '../compile/router.ts'
import type { Snapshot } from '../compile/snapshot.ts'
import type {
  BreakerIr,
  ConcurrencyIr,
  FallbackIr,
  ListenerIr,
  MirrorIr,
  PolicyIr,
  RetryIr,
  SourceLocation,
  SplitIr,
} from '../config/ir.ts'
import { LENGTH_UNKNOWN } from '../core/body.ts'
import type { Clock } from '../core/clock.ts'
import type { DiscoveryRule } from '../core/discovery.ts'
import type { ErrorCode } from '../core/errors.ts'
import { type Attempt, type Downstream, Exchange, type RequestHead } from '../core/exchange.ts'
import { rpcKindOf } from '../core/grpc.ts'
import type { Headers } from '../core/headers.ts'
import { type Reply, refuse } from '../core/reply.ts'
import { HIDDEN, withoutTokens } from '../core/token-text.ts'
import { DetailedTrace, type StepRecord } from '../core/trace.ts'
import { clientBehindProxies } from '../http/h1/client-address.ts'
import { HeadReader } from '../http/h1/head-reader.ts'
import { requestHeadSizeMax, writeRequestHead } from '../http/h1/request-head.ts'
import { describeChanges, stateOf } from './changes.ts'
import { isSecretName, type SecretPlaces, shownMiss, shownTarget, shownValue } from './decisions/redact.ts'
import { isListed, trustedList } from './listener.ts'
import { listenerReply } from './listener-rules.ts'
import { runSteps } from './phases.ts'
import { renderReply } from './respond.ts'
import { isGrpcCall, upstreamRequest } from './upstream-request.ts'

/**
 * What would happen to a request: plain data, for people and for programs. Shows no credentials: a request of somebody else may be explained,
 * and what a policy adds comes from the configuration.
 */
export interface Explanation {
  readonly request: {
    readonly method: string
    readonly authority: string
    /** As it was sent, but for hidden values of query parameters. */
    readonly target: string
    /** In its normal form; empty when there is none. */
    readonly path: string
    /** Name of the listener that it comes by. */
    readonly listener: string
    readonly scheme: 'http' | 'https'
  }
  /** Null when none takes it. */
  readonly route: {
    readonly name: string
    readonly at: SourceLocation
    readonly pattern: string
    readonly captures: Readonly<Record<string, string>>
  } | null
  readonly nearMisses: readonly NearMiss[]
  /** In the order in which they act. */
  readonly policies: readonly ExplainedStep[]
  /** What the client gets from the gateway itself; null when a service is asked. */
  readonly answer: ExplainedAnswer | null
  readonly service: ExplainedService | null
}

/** One step of one policy. */
export interface ExplainedStep extends Omit<StepRecord, 'verdict'> {
  /** `waiting`: it acts on the service's response. `not reached`: a step before it answers. */
  readonly verdict: StepRecord['verdict'] | 'waiting' | 'not reached'
  /** Where it is configured; the most specific place counts. */
  readonly scope: 'consumer and route' | 'consumer' | 'route' | 'service' | 'everywhere'
  readonly at: SourceLocation
}

export interface ExplainedAnswer {
  readonly status: number
  /** The policy that answers; null for the gateway itself. */
  readonly by: string | null
  readonly code: ErrorCode | null
  /** Field lines. Framing and Date are not among them. */
  readonly headers: readonly string[]
  readonly body: string
}

export interface ExplainedService {
  readonly name: string
  readonly at: SourceLocation
  readonly balancer: string
  /** Where they are discovered, one that stands for them. */
  readonly targets: readonly { readonly address: string; readonly weight: number }[]
  readonly discovery: DiscoveryRule | null
  readonly timeoutMs: number
  readonly attemptTimeoutMs: number
  readonly connectTimeoutMs: number
  readonly retry: RetryIr
  /** The route's split that chose this service; null for none. */
  readonly split: SplitIr | null
  readonly mirror: MirrorIr | null
  readonly fallback: FallbackIr | null
  readonly breaker: BreakerIr | null
  readonly concurrency: ConcurrencyIr | null
  /** The request line and the field lines as they would reach a target; the values of credentials are hidden. */
  readonly head: readonly string[]
}

/** Where a request is taken to come from. */
export interface RequestOrigin {
  /** Of its connection; behind a trusted proxy's, X-Forwarded-For counts. */
  readonly peerAddress: string
  /** Name of the listener that takes it. Where it is null or there is none of that name, the first that speaks the scheme does. */
  readonly listener: string | null
  /** Null for whatever the first listener speaks. */
  readonly scheme: 'http' | 'https' | null
}

export interface ExplainOptions extends RequestOrigin {
  readonly clock: Clock
}

/**
 * Says what the gateway would do with a request, by doing it as far as nothing is sent: the same parser, router, policies and writer
 * as for traffic, on a snapshot whose services are never connected to.
 * @param head the request's head as bytes, its empty line included.
 */
export async function explainRequest(snapshot: Snapshot, head: Buffer, options: ExplainOptions): Promise<Explanation> {
  const { exchange, fault } = receive(snapshot, head, options)
  const { request } = exchange
  const early = fault === null ? listenerReply(exchange) : refuse(fault)
  const match = early === null ? findRoute(snapshot, request) : null
  const found = match?.kind === 'found' ? match.value : snapshot.unmatched
  exchange.route = found
  if (fault === null) exchange.rpc = rpcKindOf(request)
  if (match?.kind === 'found') {
    exchange.params = match.params
    exchange.pathPattern = match.pattern
  }
  exchange.forward.path = request.path
  exchange.forward.query = request.query

  const { secrets } = found.facts
  const trace = new DetailedTrace(() => exchange.limit, secrets)
  exchange.trace = trace
  const { records } = trace
  const refused = early === null && found.admission !== null ? found.admission(exchange) : null
  if (refused !== null) await run(found.steps.arrival, exchange)
  const { plan, reply } = refused === null ? await runRequestSteps(found, exchange) : { plan: found, reply: null }
  const by = reply === null ? null : (records.findLast(({ mode, verdict }) => mode === 'enforce' && verdict === 'answered')?.policy ?? null)
  const own = early ?? refused ?? reply ?? ownReply(exchange, plan, match)

  const service = own === null ? explainService(exchange, plan, options.clock, records) : null
  const answer = own === null ? null : await explainAnswer(exchange, plan, own, early === null ? by : null)
  return {
    request: {
      method: request.method,
      authority: request.authority,
      target: shownTarget(request.target, secrets),
      path: withoutTokens(request.path),
      listener: exchange.listener.name,
      scheme: exchange.listener.scheme,
    },
    route: explainRoute(exchange, plan),
    // The route of a preflight fails by its method, and takes it all the same.
    nearMisses: early === null ? missesOf(snapshot, request, plan, secrets) : [],
    policies: explainSteps({ snapshot, plan, records, exchange }, service === null ? 'not reached' : 'waiting'),
    answer,
    service,
  }
}

/** Reads the head as a connection would. */
function receive(
  snapshot: Snapshot,
  head: Buffer,
  { clock, peerAddress, ...by }: ExplainOptions,
): { exchange: Exchange; fault: ErrorCode | null } {
  const { limits, listeners } = snapshot.ir
  const downstream = new NoClient()
  const listener = listenerFor(listeners, by)
  const exchange = new Exchange(
    {
      name: listener?.name ?? '',
      port: listener?.port ?? 0,
      scheme: (listener?.tls ?? null) === null ? 'http' : 'https',
      redirectPort: listener?.redirectPort ?? null,
      // A certificate cannot be described: the client has shown what the listener asks for.
      requiresCertificate: false,
    },
    downstream,
  )
  exchange.request.scheme = exchange.listener.scheme
  const reader = new HeadReader(exchange.request)
  const end = reader.read(head, 0, head.length, limits)
  if (end === HeadReader.INCOMPLETE) throw new Error('the request head is not whole')
  const trusted = trustedList(listener?.trustedProxies ?? [])
  exchange.client.peerAddress = peerAddress
  exchange.client.trusted = isListed(trusted, peerAddress)
  exchange.reset()
  if (exchange.client.trusted)
    exchange.client.address = clientBehindProxies(exchange.request.headers, peerAddress, (address) => isListed(trusted, address))
  exchange.requestBodyBytesMax = limits.bodyBytesMax
  exchange.startedAt = clock.now()
  const { body, contentLength } = reader.framing
  downstream.requestBody.length = body === 'chunked' ? LENGTH_UNKNOWN : contentLength
  return { exchange, fault: reader.fault }
}

/** Its own while it is there and still speaks the same, else the first that could have taken the request. */
function listenerFor(listeners: readonly ListenerIr[], { listener, scheme }: Omit<RequestOrigin, 'peerAddress'>): ListenerIr | undefined {
  const fitting = scheme === null ? listeners : listeners.filter(({ tls }) => scheme === (tls === null ? 'http' : 'https'))
  return fitting.find(({ name }) => name === listener) ?? fitting[0] ?? listeners[0]
}

function missesOf({ router }: Snapshot, request: RequestHead, plan: RoutePlan, secrets: SecretPlaces): NearMiss[] {
  return router
    .explain(request)
    .filter(({ route }) => route !== plan.name)
    .map((miss) => shownMiss(miss, secrets))
}

/** The gateway's own answer when no policy has given one, or null when a service is asked; as the proxy decides it. */
function ownReply(exchange: Exchange, plan: RoutePlan, match: RouteMatch<RoutePlan> | null): Reply | null {
  if (plan.service === null || plan.ir === null) return unanswered(match, plan)
  if (exchange.downstream.requestBody.length > exchange.requestBodyBytesMax) return refuse('request_body_too_large')
  return plan.service.targets.some(({ weight }) => weight > 0) ? null : refuse('service_unavailable')
}

/** As the proxy runs them: once the consumer is known, its own policies count. */
async function runRequestSteps(found: RoutePlan, exchange: Exchange): Promise<{ readonly plan: RoutePlan; readonly reply: Reply | null }> {
  const refusal = await run(found.steps.identity, exchange)
  const { consumer } = exchange.caller
  const chosen = found.split === null || refusal !== null ? found : found.split.choose(exchange)
  const plan = consumer === null ? chosen : chosen.forConsumer(consumer)
  exchange.route = plan
  return { plan, reply: refusal ?? (await run(plan.steps.request, exchange)) }
}

function run(steps: readonly Step[], exchange: Exchange): Promise<Reply | null> {
  return new Promise((resolve, reject) => {
    runSteps(steps, 0, exchange, (policy, error) => reject(new Error(`the policy ${policy} failed`, { cause: error })), resolve)
  })
}

function explainRoute({ params }: Exchange, { ir, name, pattern }: RoutePlan): Explanation['route'] {
  if (ir === null) return null
  const captures = [...params].map(([key, value]): [string, string] => [key, isSecretName(key) ? HIDDEN : withoutTokens(value)])
  return { name, at: ir.at, pattern, captures: Object.fromEntries(captures) }
}

async function explainAnswer(exchange: Exchange, plan: RoutePlan, reply: Reply, by: string | null): Promise<ExplainedAnswer> {
  exchange.response.headers = exchange.ownHeaders
  const body = renderReply(exchange, reply, plan.compatibility).toString()
  await run(plan.steps.response, exchange)
  const { status, headers } = exchange.response
  return { status, by, code: reply.code, headers: linesOf(headers, plan.facts.secrets), body: withoutTokens(body) }
}

/** The first try: its steps, and the head as it would be written. */
function explainService(exchange: Exchange, plan: RoutePlan, clock: Clock, records: StepRecord[]): ExplainedService | null {
  const { service, ir } = plan
  const target = service?.pick(exchange, null)
  if (ir === null || service === null || !target) return null
  const attempt: Attempt = { number: 1, target: target.label, startedAt: clock.now(), endedAt: 0, status: 0, error: null }
  for (const step of plan.steps.attempt) {
    const before = stateOf(exchange)
    const mark = exchange.request.headers.mark()
    step.run(exchange, attempt)
    const changes = describeChanges(before, stateOf(exchange), plan.facts.secrets)
    if (step.shadow) exchange.request.headers.restore(mark)
    const mode = step.shadow ? 'shadow' : 'enforce'
    records.push({ policy: step.policy, phase: 'attempt', mode, verdict: 'continue', changes, notes: [], answer: null })
  }
  const bodyLength = exchange.requestBody?.length ?? exchange.downstream.requestBody.length
  const request = upstreamRequest(exchange, plan, service, target.authority, { bodyLength, isGrpc: isGrpcCall(exchange) })
  const buffer = Buffer.alloc(requestHeadSizeMax(request))
  const text = buffer.latin1Slice(0, writeRequestHead(buffer, 0, request))
  return {
    name: service.name,
    at: service.ir.at,
    balancer: service.ir.balancer.kind,
    targets: service.targets.map(({ label, weight }) => ({ address: label, weight })),
    discovery: service.ir.discovery,
    timeoutMs: ir.timeoutMs,
    attemptTimeoutMs: ir.attemptTimeoutMs,
    connectTimeoutMs: service.ir.connectTimeoutMs,
    retry: ir.retry,
    split: ir.split,
    mirror: ir.mirror,
    fallback: ir.fallback,
    breaker: service.ir.breaker,
    concurrency: service.ir.concurrency,
    head: shownHead(splitLines(text), plan.facts.secrets),
  }
}

/** What has been found out, to put the steps into words. */
interface Findings {
  readonly snapshot: Snapshot
  readonly plan: RoutePlan
  readonly records: readonly StepRecord[]
  readonly exchange: Exchange
}

/** Every step of the plan in its order, with the record of those that ran, and `otherwise` for the others. */
function explainSteps(findings: Findings, otherwise: ExplainedStep['verdict']): ExplainedStep[] {
  const { plan, records } = findings
  const steps: readonly Pick<Step, 'policy' | 'shadow' | 'phase'>[] = [
    ...plan.steps.identity,
    ...plan.steps.request,
    ...plan.steps.body.map(({ policy, shadow }) => ({ policy, shadow, phase: 'body' as const })),
    ...plan.steps.attempt.map(({ policy, shadow }) => ({ policy, shadow, phase: 'attempt' as const })),
    ...plan.steps.upstreamResponse,
    ...plan.steps.responseBody.map(({ policy, shadow }) => ({ policy, shadow, phase: 'response-body' as const })),
    ...plan.steps.store,
    ...plan.steps.response,
  ]
  return steps.map(({ policy, shadow, phase }): ExplainedStep => {
    const record = records.find((known) => known.policy === policy && known.phase === phase)
    const mode = shadow ? 'shadow' : 'enforce'
    const known = record ?? { policy, phase, mode, verdict: otherwise, changes: [], notes: [], answer: null }
    return { ...known, ...configured(findings, policy) }
  })
}

/** The place that counts for policies of this name: the most specific one. */
function configured({ snapshot, plan, exchange }: Findings, name: string): { scope: ExplainedStep['scope']; at: SourceLocation } {
  const { ir } = snapshot
  const consumer = ir.consumers.find((candidate) => candidate.name === exchange.caller.consumer?.name)
  const scopes: readonly (readonly [ExplainedStep['scope'], readonly PolicyIr[]])[] = [
    ['consumer and route', consumer?.routes.find(({ route }) => route === plan.name)?.policies ?? []],
    ['consumer', consumer?.policies ?? []],
    ['route', plan.ir?.policies ?? []],
    ['service', ir.services.find((service) => service.name === plan.serviceName)?.policies ?? []],
    ['everywhere', ir.policies],
  ]
  for (const [scope, policies] of scopes) {
    const policy = policies.findLast((candidate) => candidate.name === name)
    if (policy !== undefined) return { scope, at: policy.at }
  }
  throw new Error(`the policy ${name} is configured nowhere`)
}

function linesOf(headers: Headers, secrets: SecretPlaces): string[] {
  const buffer = Buffer.alloc(headers.sizeMax())
  return splitLines(buffer.latin1Slice(0, headers.writeTo(buffer, 0))).map((line) => shownLine(line, secrets))
}

function shownHead([requestLine = '', ...fields]: readonly string[], secrets: SecretPlaces): string[] {
  const [method = '', target = '', version = ''] = requestLine.split(' ')
  return [[method, shownTarget(target, secrets), version].join(' '), ...fields.map((line) => shownLine(line, secrets))]
}

function splitLines(text: string): string[] {
  return text.split('\r\n').filter((line) => line !== '')
}

function shownLine(line: string, secrets: SecretPlaces): string {
  const colon = line.indexOf(':')
  const name = line.slice(0, colon)
  return `${name}: ${shownValue(name.toLowerCase(), line.slice(colon + 1).trim(), secrets)}`
}

/** A client that only has a body, whose length is known and which is never read. */
class NoClient implements Downstream {
  readonly requestBody = { length: 0, start: notHere, pause: notHere, resume: notHere }
  readonly responseBody = { onData: notHere, onEnd: notHere, onError: notHere, flush: notHere }
  readonly headSent = false
  readonly sendInformational = notHere
  readonly sendHead = notHere
  readonly openTunnel = notHere
}

function notHere(): never {
  throw new Error('nothing is sent or read when a request is explained')
}
