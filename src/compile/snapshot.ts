import {
  type ConsumerIr,
  effectivePolicies,
  type GatewayIr,
  type MirrorIr,
  type PolicyIr,
  type RouteIr,
  type ServiceIr,
} from '../config/ir.ts'
import type { Consumer } from '../core/caller.ts'
import type { CompileContext, PolicyDefinition, PolicySteps } from '../core/policy.ts'
import { policyOrder } from '../core/policy-order.ts'
import { type Reply, refuse } from '../core/reply.ts'
import type { Service } from '../upstream/service.ts'
import { admissionOf } from './admission.ts'
import { compileConsumers } from './consumers.ts'
import { fallbackPlan, splitPlan } from './division.ts'
import type { LimitPlace } from './limit-places.ts'
import { NO_STEPS, type PlanSteps, planSteps, type RouteFacts, type RoutePlan, type StepOrder } from './plan.ts'
import { compileRouter, type Router } from './router.ts'

/** One compiled configuration. Never changed; an exchange keeps the one it began with. */
export interface Snapshot {
  readonly ir: GatewayIr
  readonly router: Router<RoutePlan>
  /** For requests that match no route: the policies that hold everywhere. */
  readonly unmatched: RoutePlan
  /** Policies that have limits, in the order of {@link scopesOf}. */
  readonly limits: readonly LimitPlace[]
}

/** What compiling needs from outside. */
export interface SnapshotContext extends Omit<CompileContext, 'consumers' | 'scope' | 'mode'> {
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

interface Scope {
  readonly scope: string
  /** What is known of every request that a policy here acts on. */
  readonly owner: LimitPlace['owner']
  readonly policies: readonly PolicyIr[]
}

/** Every place where policies are configured. */
function scopesOf(ir: GatewayIr): readonly Scope[] {
  return [
    { scope: 'everywhere', owner: {}, policies: ir.policies },
    ...ir.services.map(({ name, policies }) => ({ scope: `service ${name}`, owner: { service: name }, policies })),
    ...ir.routes.map(({ name, policies }) => ({ scope: `route ${name}`, owner: { route: name }, policies })),
    ...ir.consumers.flatMap(({ name, policies, routes }) => [
      { scope: `consumer ${name}`, owner: { consumer: name }, policies },
      ...routes.map(({ route, policies: own }) => ({
        scope: `consumer ${name} route ${route}`,
        owner: { consumer: name, route },
        policies: own,
      })),
    ]),
  ]
}

/**
 * Compiles a configuration. For each name of policies one configuration applies, the most specific: route and consumer, consumer, route,
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
  return { ir, router: compileRouter(entries, ir.compatibility), unmatched: compiler.planOf(null), limits: compiler.limits }
}

/** A policy's steps, and the number it has in this configuration. */
interface Compiled {
  readonly number: number
  /** Where the policy is configured. */
  readonly scope: string
  readonly steps: PolicySteps
}

class Compiler {
  readonly #ir: GatewayIr
  readonly #context: SnapshotContext
  /** A policy is compiled once for the place it is configured at, not once a route. */
  readonly #compiled = new Map<PolicyIr, Compiled>()
  readonly limits: LimitPlace[] = []
  /** By the numbers of the policies in force. */
  readonly #steps = new Map<string, PlanSteps>()
  readonly #variants = new WeakMap<RoutePlan, Map<string, RoutePlan>>()
  readonly #order: StepOrder
  readonly #secrets = new Set<string>()
  /** Whether any consumer has policies of its own. */
  readonly #hasConsumers: boolean
  readonly #services: ReadonlyMap<string, ServiceIr>
  readonly #consumers: ReadonlyMap<string, ConsumerIr>

  constructor(ir: GatewayIr, context: SnapshotContext) {
    this.#ir = ir
    this.#context = context
    this.#order = {
      order: policyOrder(context.policies, ir.compatibility),
      translating: new Set(context.policies.filter(({ translates }) => translates === true).map(({ kind }) => kind)),
    }
    this.#hasConsumers = ir.consumers.some(({ policies, routes }) => policies.length > 0 || routes.length > 0)
    this.#services = new Map(ir.services.map((service) => [service.name, service]))
    this.#consumers = new Map(ir.consumers.map((consumer) => [consumer.name, consumer]))
    const consumers = compileConsumers(ir.consumers)
    const definitions = new Map(context.policies.map((definition) => [definition.kind, definition]))
    for (const { scope, owner, policies } of scopesOf(ir)) {
      for (const policy of policies) {
        if (policy.mode === 'off') continue
        const definition = definitions.get(policy.kind)
        if (definition === undefined) throw new Error(`no policy of the kind ${policy.kind}`)
        for (const place of definition.credentialPlaces?.(policy.options) ?? []) this.#secrets.add(lowerHeader(place))
        const steps = definition.compile(policy.options, { ...context, consumers, scope, mode: policy.mode })
        this.#compiled.set(policy, { number: this.#compiled.size, scope, steps })
        if (steps.limits !== undefined) this.limits.push({ policy, scope, owner, limits: steps.limits })
      }
    }
  }

  /** @param route null for requests that match none */
  planOf(route: RouteIr | null): RoutePlan {
    if (route === null) return this.#planTo(null, null)
    const base = this.#planTo(route, route.service)
    if (route.split === null) return base
    const choices = route.split.services.map(({ service, weight }) => ({ weight, plan: this.#planTo(route, service) }))
    return { ...base, split: splitPlan(route.split, choices), metrics: null }
  }

  /** The plan of a route with this service; null when a policy answers, or a split has yet to choose. */
  #planTo(route: RouteIr | null, serviceName: string | null): RoutePlan {
    const serviceIr = serviceName === null ? undefined : this.#services.get(serviceName)
    const scopes = [this.#ir.policies, serviceIr?.policies ?? [], route?.policies ?? []]
    const steps = this.#stepsOf(scopes)
    const service = (name: string): Service => this.#context.service(name)
    const facts: RouteFacts = {
      revision: this.#ir.revision,
      name: route?.name ?? '',
      pattern: route?.match.paths.join(' ') ?? '',
      service: serviceIr?.name ?? '',
      at: route?.at ?? null,
      secrets: this.#secrets,
    }
    const about = {
      name: facts.name,
      pattern: facts.pattern,
      serviceName: facts.service,
      credentialPlaces: this.#secrets,
      facts,
      ir: route,
      steps,
      split: null,
      mirror: route?.mirror == null ? null : { ir: route.mirror, plan: this.#mirrorPlan(route, route.mirror) },
      fallback:
        route?.fallback == null
          ? null
          : fallbackPlan(route.fallback, route.fallback.service === null ? null : service(route.fallback.service)),
      admission: this.#admission(route),
      compatibility: this.#ir.compatibility,
      metrics: null,
    }
    const plan: RoutePlan = {
      ...about,
      service: serviceIr === undefined ? null : service(serviceIr.name),
      // To Kong a preflight is a request like any other: a route that does not take OPTIONS does not see it.
      preflight: steps.answersPreflight && this.#ir.compatibility === null ? preflightPlan(about) : null,
      unanswered: this.#ir.compatibility === 'kong' && route !== null ? NO_SERVICE : NOT_FOUND,
      forConsumer: this.#hasConsumers ? (consumer) => this.#variantOf(plan, scopes, consumer) : () => plan,
    }
    return plan
  }

  /** Kong's plugins look at nothing that no route takes. */
  #admission(route: RouteIr | null): RoutePlan['admission'] {
    if (route === null) return this.#ir.compatibility === 'kong' ? () => NOT_FOUND : null
    return route.protocols === null ? null : admissionOf(route.protocols)
  }

  /** Copies are made of what the service is sent: no policy acts on them again, and nothing is tried twice. */
  #mirrorPlan(route: RouteIr, { service, timeoutMs }: MirrorIr): RoutePlan {
    const plan: RoutePlan = {
      name: route.name,
      pattern: route.match.paths.join(' '),
      serviceName: service,
      facts: {
        revision: this.#ir.revision,
        name: route.name,
        pattern: route.match.paths.join(' '),
        service,
        at: route.at,
        secrets: this.#secrets,
      },
      ir: { ...route, timeoutMs, attemptTimeoutMs: timeoutMs, retry: { ...route.retry, attempts: 1, statuses: [] }, upgrades: [] },
      steps: NO_STEPS,
      service: this.#context.service(service),
      split: null,
      mirror: null,
      fallback: null,
      preflight: null,
      unanswered: NOT_FOUND,
      admission: null,
      compatibility: this.#ir.compatibility,
      forConsumer: () => plan,
      metrics: null,
    }
    return plan
  }

  /** Most consumers never call most routes: their plans are put together when they do. */
  #variantOf(plan: RoutePlan, scopes: readonly (readonly PolicyIr[])[], { name, hasPolicies }: Consumer): RoutePlan {
    const consumer = hasPolicies ? this.#consumers.get(name) : undefined
    if (consumer === undefined) return plan
    let variants = this.#variants.get(plan)
    if (variants === undefined) {
      variants = new Map()
      this.#variants.set(plan, variants)
    }
    let variant = variants.get(name)
    if (variant === undefined) {
      const own = consumer.routes.find(({ route }) => route === plan.name)?.policies ?? []
      variant = { ...plan, steps: this.#stepsOf([...scopes, consumer.policies, own]) }
      variants.set(name, variant)
    }
    return variant
  }

  /** The same lists for the same policies: with 10,000 routes that differ in nothing else they stay in the processor's caches. */
  #stepsOf(scopes: readonly (readonly PolicyIr[])[]): PlanSteps {
    const { order } = this.#order
    const inForce = effectivePolicies(scopes).sort(
      (a, b) => order.positionOf(a.name) - order.positionOf(b.name) || (a.name < b.name ? -1 : 1),
    )
    const key = inForce.map((policy) => this.#compiled.get(policy)?.number).join(' ')
    let steps = this.#steps.get(key)
    if (steps === undefined) {
      const compiled = inForce.map((policy) => ({ policy, ...(this.#compiled.get(policy) as Compiled) }))
      steps = planSteps(compiled, this.#order)
      this.#steps.set(key, steps)
    }
    return steps
  }
}

/** Names of headers are compared without regard to case, those of query parameters are not. */
function lowerHeader(place: string): string {
  return place.startsWith('header:') ? place.toLowerCase() : place
}

const NOT_FOUND = refuse('route_not_found')
const NO_SERVICE = refuse('service_unavailable', 'The route has no service', [], undefined, 'no-service')

/** What is refused when a route takes the request but for its method (RFC 9110, 15.5.6). */
export function refuseMethod(allow: readonly string[]): Reply {
  return refuse('method_not_allowed', null, [['Allow', allow.join(', ')]])
}

function preflightPlan(about: Omit<RoutePlan, 'service' | 'preflight' | 'unanswered' | 'forConsumer'>): RoutePlan {
  const plan: RoutePlan = {
    ...about,
    service: null,
    preflight: null,
    unanswered: refuseMethod(about.ir?.match.methods ?? []),
    forConsumer: () => plan,
  }
  return plan
}
