import { type ConsumerIr, effectivePolicies, type GatewayIr, type PolicyIr, type RouteIr, type ServiceIr } from '../config/ir.ts'
import type { Consumer } from '../core/caller.ts'
import type { Attempt, Exchange, RouteInfo } from '../core/exchange.ts'
import type { CompileContext, Outcome, PolicyDefinition, PolicySteps, Verdict } from '../core/policy.ts'
import { type Reply, refuse } from '../core/reply.ts'
import type { Phase } from '../core/trace.ts'
import type { Service } from '../upstream/service.ts'
import { compileConsumers } from './consumers.ts'
import { compileRouter, type Router } from './router.ts'

/** One step of one policy, ready to run. */
export interface Step {
  readonly policy: string
  readonly phase: Phase
  readonly shadow: boolean
  readonly run: (exchange: Exchange) => Verdict | Promise<Verdict>
}

export interface BodyStep {
  readonly policy: string
  readonly shadow: boolean
  readonly bytesMax: number
  wanted(exchange: Exchange): boolean
  run(exchange: Exchange, body: Buffer): Verdict | Promise<Verdict>
}

export interface AttemptStep {
  readonly policy: string
  readonly shadow: boolean
  readonly run: (exchange: Exchange, attempt: Attempt) => void
}

/** Everything that is done for the exchanges of one route, as dense lists in the order in which they act. */
export interface RoutePlan extends RouteInfo {
  /** Null for the plan of requests that match no route. */
  readonly ir: RouteIr | null
  /** Null when a policy answers. */
  readonly service: Service | null
  /** What runs for every arrival, also of what is no request: up to the guards. */
  readonly arrivalSteps: readonly Step[]
  /** Arrival, guards and authentication: after them the consumer is known. */
  readonly identitySteps: readonly Step[]
  /** What follows, before any try. */
  readonly requestSteps: readonly Step[]
  readonly bodySteps: readonly BodyStep[]
  readonly attemptSteps: readonly AttemptStep[]
  readonly upstreamResponseSteps: readonly Step[]
  readonly responseSteps: readonly Step[]
  readonly finishSteps: readonly ((exchange: Exchange, outcome: Outcome) => void)[]
  /** For preflights of this route's requests where it does not take `OPTIONS` itself: no service is asked. Null when no policy answers them. */
  readonly preflight: RoutePlan | null
  /** What there is to say when neither a policy nor a service answers. */
  readonly unanswered: Reply
  /** The plan once this consumer is known: its own policies in place of others. The same plan for one that has none. */
  forConsumer(consumer: Consumer): RoutePlan
  /** For the runtime: what it keeps of a route. */
  metrics: unknown
}

/** One compiled configuration. Never changed; an exchange keeps the one it began with. */
export interface Snapshot {
  readonly ir: GatewayIr
  readonly router: Router<RoutePlan>
  /** For requests that match no route: the policies that hold everywhere. */
  readonly unmatched: RoutePlan
}

/** What compiling needs from outside. */
export interface SnapshotContext extends Omit<CompileContext, 'consumers' | 'scope'> {
  /** In the order in which they act. */
  readonly policies: readonly PolicyDefinition<unknown>[]
  /** The running service of that name; services outlive snapshots. */
  service(name: string): Service
}

/** Loads the code that only some kinds of policy need; before {@link compileSnapshot}. */
export async function loadPolicies(ir: GatewayIr, definitions: readonly PolicyDefinition<unknown>[]): Promise<void> {
  const used = new Set<string>()
  for (const { policies } of scopesOf(ir)) for (const { kind, mode } of policies) if (mode !== 'off') used.add(kind)
  await Promise.all(definitions.filter(({ kind }) => used.has(kind)).map(async (definition) => definition.load?.()))
}

/** Every place where policies are configured. */
function scopesOf(ir: GatewayIr): { readonly scope: string; readonly policies: readonly PolicyIr[] }[] {
  return [
    { scope: 'everywhere', policies: ir.policies },
    ...ir.services.map(({ name, policies }) => ({ scope: `service ${name}`, policies })),
    ...ir.routes.map(({ name, policies }) => ({ scope: `route ${name}`, policies })),
    ...ir.consumers.flatMap(({ name, policies, routes }) => [
      { scope: `consumer ${name}`, policies },
      ...routes.map((route) => ({ scope: `consumer ${name} route ${route.route}`, policies: route.policies })),
    ]),
  ]
}

/**
 * Compiles a configuration. For each kind of policy one configuration applies, the most specific: route and consumer, consumer, route,
 * service, everywhere.
 * @throws Error when a policy cannot be compiled.
 */
export function compileSnapshot(ir: GatewayIr, context: SnapshotContext): Snapshot {
  const compiler = new Compiler(ir, context)
  const entries = ir.routes.map((route) => ({
    name: route.name,
    match: route.match,
    priority: route.priority,
    value: compiler.planOf(route),
  }))
  return { ir, router: compileRouter(entries), unmatched: compiler.planOf(null) }
}

class Compiler {
  readonly #ir: GatewayIr
  readonly #context: SnapshotContext
  /** A policy is compiled once for the place it is configured at, not once a route. */
  readonly #compiled = new Map<PolicyIr, PolicySteps>()
  readonly #services: ReadonlyMap<string, ServiceIr>
  readonly #consumers: ReadonlyMap<string, ConsumerIr>

  constructor(ir: GatewayIr, context: SnapshotContext) {
    this.#ir = ir
    this.#context = context
    this.#services = new Map(ir.services.map((service) => [service.name, service]))
    this.#consumers = new Map(ir.consumers.map((consumer) => [consumer.name, consumer]))
    const consumers = compileConsumers(ir.consumers)
    const definitions = new Map(context.policies.map((definition) => [definition.kind, definition]))
    for (const { scope, policies } of scopesOf(ir)) {
      for (const policy of policies) {
        if (policy.mode === 'off') continue
        const definition = definitions.get(policy.kind)
        if (definition === undefined) throw new Error(`no policy of the kind ${policy.kind}`)
        this.#compiled.set(policy, definition.compile(policy.options, { ...context, consumers, scope }))
      }
    }
  }

  /** @param route null for requests that match none */
  planOf(route: RouteIr | null): RoutePlan {
    const serviceIr = route?.service == null ? undefined : this.#services.get(route.service)
    const about = {
      name: route?.name ?? '',
      pattern: route?.match.paths.join(' ') ?? '',
      serviceName: serviceIr?.name ?? '',
      ir: route,
      service: serviceIr === undefined ? null : this.#context.service(serviceIr.name),
    }
    const scopes = [this.#ir.policies, serviceIr?.policies ?? [], route?.policies ?? []]
    const steps = this.#steps(scopes)
    const plan: RoutePlan = {
      ...about,
      ...steps,
      preflight: steps.answersPreflight ? preflightPlan({ ...about, ...steps }) : null,
      unanswered: NOT_FOUND,
      forConsumer: (consumer) => variantOf(consumer),
      metrics: null,
    }
    // Most consumers never call most routes: their plans are put together when they do.
    const variants = new Map<string, RoutePlan>()
    const variantOf = ({ name, hasPolicies }: Consumer): RoutePlan => {
      const consumer = hasPolicies ? this.#consumers.get(name) : undefined
      if (consumer === undefined) return plan
      let variant = variants.get(name)
      if (variant === undefined) {
        const own = consumer.routes.find((candidate) => candidate.route === route?.name)?.policies ?? []
        variant = { ...plan, ...this.#steps([...scopes, consumer.policies, own]) }
        variants.set(name, variant)
      }
      return variant
    }
    return plan
  }

  #steps(scopes: readonly (readonly PolicyIr[])[]): PlanSteps {
    const { policies } = this.#context
    const order = policies.map(({ kind }) => kind)
    const inForce = effectivePolicies(scopes).sort((a, b) => order.indexOf(a.kind) - order.indexOf(b.kind))
    return planSteps(
      inForce.map((policy) => ({ policy, steps: this.#compiled.get(policy) as PolicySteps })),
      identityBounds(policies),
    )
  }
}

const NOT_FOUND = refuse('route_not_found')

/** What is refused when a route takes the request but for its method (RFC 9110, 15.5.6). */
export function refuseMethod(allow: readonly string[]): Reply {
  return refuse('method_not_allowed', null, [['Allow', allow.join(', ')]])
}

function preflightPlan(parts: Pick<RoutePlan, 'name' | 'pattern' | 'serviceName' | 'ir'> & PlanSteps): RoutePlan {
  const plan: RoutePlan = {
    ...parts,
    service: null,
    preflight: null,
    unanswered: refuseMethod(parts.ir?.match.methods ?? []),
    forConsumer: () => plan,
    metrics: null,
  }
  return plan
}

interface IdentityBounds {
  /** Kinds that act before the guards, and kinds that act before the consumer is known. */
  readonly arrival: ReadonlySet<string>
  readonly identity: ReadonlySet<string>
}

/** Where in the order of policies the guards run, and from where on the consumer is known. */
function identityBounds(policies: readonly PolicyDefinition<unknown>[]): IdentityBounds {
  const first = policies.findIndex(({ identifies }) => identifies === true)
  const last = policies.findLastIndex(({ identifies }) => identifies === true)
  const kinds = policies.map(({ kind }) => kind)
  return { arrival: new Set(kinds.slice(0, Math.max(0, first))), identity: new Set(kinds.slice(0, last + 1)) }
}

interface PlanSteps extends StepLists {
  /** Whether a policy that acts answers every preflight. */
  readonly answersPreflight: boolean
}

type StepLists = Pick<
  RoutePlan,
  | 'arrivalSteps'
  | 'identitySteps'
  | 'requestSteps'
  | 'bodySteps'
  | 'attemptSteps'
  | 'upstreamResponseSteps'
  | 'responseSteps'
  | 'finishSteps'
>

function planSteps(compiled: readonly { policy: PolicyIr; steps: PolicySteps }[], { arrival, identity }: IdentityBounds): PlanSteps {
  const arrivalSteps: Step[] = []
  const guardSteps: Step[] = []
  const authSteps: Step[] = []
  const requestSteps: Step[] = []
  const bodySteps: BodyStep[] = []
  const attemptSteps: AttemptStep[] = []
  const upstreamResponseSteps: Step[] = []
  const responseSteps: Step[] = []
  const finishSteps: ((exchange: Exchange, outcome: Outcome) => void)[] = []
  let answersPreflight = false
  for (const { policy, steps } of compiled) {
    const { kind } = policy
    const about = { policy: kind, shadow: policy.mode === 'shadow' }
    if (steps.onGuard !== undefined) guardSteps.push({ ...about, phase: 'guard', run: steps.onGuard })
    if (steps.onRequest !== undefined) {
      const list = arrival.has(kind) ? arrivalSteps : identity.has(kind) ? authSteps : requestSteps
      list.push({ ...about, phase: 'request', run: steps.onRequest })
    }
    const { requestBody } = steps
    if (requestBody !== undefined) {
      const { bytesMax } = requestBody
      bodySteps.push({
        ...about,
        bytesMax,
        wanted: (exchange) => requestBody.wanted(exchange),
        run: (exchange, body) => requestBody.run(exchange, body),
      })
    }
    if (steps.onAttempt !== undefined) attemptSteps.push({ ...about, run: steps.onAttempt })
    if (steps.onUpstreamResponse !== undefined)
      upstreamResponseSteps.push({ ...about, phase: 'upstream-response', run: steps.onUpstreamResponse })
    if (steps.onResponse !== undefined) responseSteps.push({ ...about, phase: 'response', run: steps.onResponse })
    if (steps.answersPreflight === true && policy.mode === 'enforce') answersPreflight = true
    if (steps.onFinish !== undefined && policy.mode === 'enforce') finishSteps.push(steps.onFinish)
  }
  const identitySteps = [...arrivalSteps, ...guardSteps, ...authSteps]
  return {
    arrivalSteps,
    identitySteps,
    requestSteps,
    bodySteps,
    attemptSteps,
    upstreamResponseSteps,
    responseSteps,
    finishSteps,
    answersPreflight,
  }
}
