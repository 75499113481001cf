import type { GatewayIr, PolicyIr, RouteIr } from '../config/ir.ts'
import type { Attempt, Exchange, RouteInfo } from '../core/exchange.ts'
import type { CompileContext, Outcome, PolicyDefinition, PolicySteps, Verdict } from '../core/policy.ts'
import type { Service } from '../upstream/service.ts'
import { compileRouter, type Router } from './router.ts'

/** One step of one policy, ready to run. */
export interface Step {
  readonly policy: string
  readonly shadow: boolean
  readonly run: (exchange: Exchange) => Verdict | Promise<Verdict>
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
  readonly requestSteps: readonly Step[]
  readonly attemptSteps: readonly AttemptStep[]
  readonly upstreamResponseSteps: readonly Step[]
  readonly responseSteps: readonly Step[]
  readonly finishSteps: readonly ((exchange: Exchange, outcome: Outcome) => void)[]
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
export interface SnapshotContext extends CompileContext {
  /** In the order in which they act. */
  readonly policies: readonly PolicyDefinition<unknown>[]
  /** The running service of that name; services outlive snapshots. */
  service(name: string): Service
}

/**
 * Compiles a configuration. For each kind of policy one configuration applies, the most specific: route, service, everywhere.
 * @throws Error when a policy cannot be compiled.
 */
export function compileSnapshot(ir: GatewayIr, context: SnapshotContext): Snapshot {
  // A policy that holds everywhere is compiled once, not once a route.
  const compiled = new Map<PolicyIr, PolicySteps>()
  const stepsOf = (policy: PolicyIr): PolicySteps => {
    let steps = compiled.get(policy)
    if (steps === undefined) {
      const definition = context.policies.find(({ kind }) => kind === policy.kind)
      if (definition === undefined) throw new Error(`no policy of the kind ${policy.kind}`)
      steps = definition.compile(policy.options, context)
      compiled.set(policy, steps)
    }
    return steps
  }
  const order = context.policies.map(({ kind }) => kind)
  const serviceIrs = new Map(ir.services.map((service) => [service.name, service]))

  const planOf = (route: RouteIr | null): RoutePlan => {
    const serviceIr = route?.service == null ? undefined : serviceIrs.get(route.service)
    const effective = effectivePolicies([ir.policies, serviceIr?.policies ?? [], route?.policies ?? []], order)
    return {
      name: route?.name ?? '',
      pattern: route?.match.paths.join(' ') ?? '',
      serviceName: serviceIr?.name ?? '',
      ir: route,
      service: serviceIr === undefined ? null : context.service(serviceIr.name),
      ...planSteps(effective, stepsOf),
      metrics: null,
    }
  }

  const entries = ir.routes.map((route) => ({ name: route.name, match: route.match, priority: route.priority, value: planOf(route) }))
  return { ir, router: compileRouter(entries), unmatched: planOf(null) }
}

/** @param scopes from the least to the most specific. */
function effectivePolicies(scopes: readonly (readonly PolicyIr[])[], order: readonly string[]): PolicyIr[] {
  const byKind = new Map<string, PolicyIr>()
  for (const scope of scopes) for (const policy of scope) byKind.set(policy.kind, policy)
  return [...byKind.values()].filter(({ mode }) => mode !== 'off').sort((a, b) => order.indexOf(a.kind) - order.indexOf(b.kind))
}

type PlanSteps = Pick<RoutePlan, 'requestSteps' | 'attemptSteps' | 'upstreamResponseSteps' | 'responseSteps' | 'finishSteps'>

function planSteps(policies: readonly PolicyIr[], stepsOf: (policy: PolicyIr) => PolicySteps): PlanSteps {
  const requestSteps: Step[] = []
  const attemptSteps: AttemptStep[] = []
  const upstreamResponseSteps: Step[] = []
  const responseSteps: Step[] = []
  const finishSteps: ((exchange: Exchange, outcome: Outcome) => void)[] = []
  for (const policy of policies) {
    const steps = stepsOf(policy)
    const about = { policy: policy.kind, shadow: policy.mode === 'shadow' }
    if (steps.onRequest !== undefined) requestSteps.push({ ...about, run: steps.onRequest })
    if (steps.onAttempt !== undefined) attemptSteps.push({ ...about, run: steps.onAttempt })
    if (steps.onUpstreamResponse !== undefined) upstreamResponseSteps.push({ ...about, run: steps.onUpstreamResponse })
    if (steps.onResponse !== undefined) responseSteps.push({ ...about, run: steps.onResponse })
    if (steps.onFinish !== undefined && policy.mode === 'enforce') finishSteps.push(steps.onFinish)
  }
  return { requestSteps, attemptSteps, upstreamResponseSteps, responseSteps, finishSteps }
}
