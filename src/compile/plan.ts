import type { PolicyIr, RouteIr } from '../config/ir.ts'
import type { Consumer } from '../core/caller.ts'
import type { Attempt, Exchange, RouteInfo } from '../core/exchange.ts'
import type { BodyVerdict, Outcome, PolicySteps, RequestBodyStep, Verdict } from '../core/policy.ts'
import { policyKind } from '../core/policy-name.ts'
import { type Compatibility, type PolicyOrder, policyOrder } from '../core/policy-order.ts'
import type { Reply } from '../core/reply.ts'
import type { Phase, Place, PolicyFacts, StepFacts } from '../core/trace.ts'
import type { Service } from '../upstream/service.ts'
import type { FallbackPlan, MirrorPlan, SplitPlan } from './division.ts'

/** One step of one policy, ready to run. */
export interface Step {
  readonly policy: string
  readonly phase: Phase
  readonly shadow: boolean
  /** What records keep of it. */
  readonly facts: StepFacts
  readonly run: (exchange: Exchange) => Verdict | Promise<Verdict>
}

export interface BodyStep {
  readonly policy: string
  readonly shadow: boolean
  readonly facts: StepFacts
  readonly bytesMax: number
  wanted(exchange: Exchange): boolean
  run(exchange: Exchange, body: Buffer): BodyVerdict | Promise<BodyVerdict>
}

export interface ResponseBodyPlanStep extends BodyStep {
  tooLarge(exchange: Exchange): Verdict
}

export interface FinishStep {
  readonly policy: string
  readonly run: (exchange: Exchange, outcome: Outcome) => void
}

export interface AttemptStep {
  readonly policy: string
  readonly shadow: boolean
  readonly run: (exchange: Exchange, attempt: Attempt) => void
}

/** The steps of the policies in force, as dense lists in the order in which they act. */
export interface PlanSteps {
  /** What runs for every arrival, also of what is no request: up to the guards. */
  readonly arrival: readonly Step[]
  /** Arrival, guards and authentication: after them the consumer is known. */
  readonly identity: readonly Step[]
  /** What follows, before any try. */
  readonly request: readonly Step[]
  readonly body: readonly BodyStep[]
  readonly attempt: readonly AttemptStep[]
  readonly upstreamResponse: readonly Step[]
  readonly responseBody: readonly ResponseBodyPlanStep[]
  /** The cache's, behind those. */
  readonly store: readonly Step[]
  readonly response: readonly Step[]
  readonly finish: readonly FinishStep[]
  /** Whether a policy that acts answers every preflight. */
  readonly answersPreflight: boolean
  /** What records keep of the policies in force, in the order in which they act. */
  readonly facts: PlanFacts
}

/** The policies of a plan for records, which outlive it: plain values only. */
export interface PlanFacts {
  readonly policies: readonly PolicyFacts[]
  /** Of every policy its steps, but for those at the very end. */
  readonly steps: readonly StepFacts[]
}

/** A route for records, which outlive it: plain values only. */
export interface RouteFacts {
  /** Of the configuration. */
  readonly revision: string
  /** Empty for the plan of requests that match no route. */
  readonly name: string
  readonly pattern: string
  readonly service: string
  /** Null for the plan of requests that match no route. */
  readonly at: Place | null
  /** Where the policies of this configuration look for credentials, `header:x-api-key` say; names of headers in lower case. One set for all. */
  readonly secrets: ReadonlySet<string>
}

/** Everything that is done for the exchanges of one route. */
export interface RoutePlan extends RouteInfo {
  /** Null for the plan of requests that match no route. */
  readonly ir: RouteIr | null
  /** Null when a policy answers, and where a split has yet to choose. */
  readonly service: Service | null
  /** Chooses the plan that counts once the caller is known; null for this one. */
  readonly split: SplitPlan | null
  readonly mirror: MirrorPlan | null
  readonly fallback: FallbackPlan | null
  /** Shared by all routes where the same policies are in force. */
  readonly steps: PlanSteps
  readonly facts: RouteFacts
  /** For preflights of this route's requests where it does not take `OPTIONS` itself: no service is asked. Null when no policy answers them. */
  readonly preflight: RoutePlan | null
  /** What there is to say when neither a policy nor a service answers. */
  readonly unanswered: Reply
  /** Looked at once a request is routed, before all guards: the refusal of one that does not come as the route asks for it. Null for nothing. */
  readonly admission: ((exchange: Exchange) => Reply | null) | null
  /** In whose form refusals are written; null for our own. */
  readonly compatibility: Compatibility | null
  /** The plan once this consumer is known: its own policies in place of others. The same plan for one that has none. */
  forConsumer(consumer: Consumer): RoutePlan
  /** For the runtime: what it keeps of a route. */
  metrics: unknown
}

/** Where in an order the steps of policies go. */
export interface StepOrder {
  readonly order: PolicyOrder
  /** Kinds that translate: the first to act on a service's response. */
  readonly translating: ReadonlySet<string>
}

/** No policy at all. */
export const NO_STEPS: PlanSteps = planSteps([], { order: policyOrder([], null), translating: new Set() })

/** @param compiled the policies in force, in the order in which they act, each with the name of its place */
export function planSteps(
  compiled: readonly { policy: PolicyIr; scope: string; steps: PolicySteps }[],
  { order, translating }: StepOrder,
): PlanSteps {
  const arrivalSteps: Step[] = []
  const guardSteps: Step[] = []
  const authSteps: Step[] = []
  const requestSteps: Step[] = []
  const bodySteps: BodyStep[] = []
  const attemptSteps: AttemptStep[] = []
  const upstreamResponseSteps: Step[] = []
  const responseBodySteps: ResponseBodyPlanStep[] = []
  const storeSteps: Step[] = []
  const responseSteps: Step[] = []
  const finishSteps: FinishStep[] = []
  const policies: PolicyFacts[] = []
  const stepFacts: StepFacts[] = []
  let answersPreflight = false
  for (const { policy, scope, steps } of compiled) {
    const { name, mode, at } = policy
    const policyFacts: PolicyFacts = { kind: name, mode, scope, at }
    const position = order.positionOf(name)
    const before = position < order.identityBegin ? arrivalSteps : position <= order.identityEnd ? authSteps : requestSteps
    policies.push(policyFacts)
    const about = (phase: Phase) => {
      const facts: StepFacts = { policy: policyFacts, phase }
      stepFacts.push(facts)
      return { policy: name, phase, shadow: mode === 'shadow', facts }
    }
    if (steps.onGuard !== undefined) {
      // What authenticates says here how credentials go together: it must have said so before the first is looked at, in any order.
      const list = order.guardsFirst || position <= order.identityEnd ? guardSteps : before
      list.push({ ...about('guard'), run: steps.onGuard })
    }
    if (steps.onRequest !== undefined) before.push({ ...about('request'), run: steps.onRequest })
    const { requestBody, responseBody } = steps
    if (requestBody !== undefined) bodySteps.push({ ...about('body'), ...bodyStep(requestBody) })
    if (responseBody !== undefined) {
      responseBodySteps.push({
        ...about('response-body'),
        ...bodyStep(responseBody),
        tooLarge: (exchange) => responseBody.tooLarge(exchange),
      })
    }
    if (steps.onStore !== undefined) storeSteps.push({ ...about('store'), run: steps.onStore })
    if (steps.onAttempt !== undefined) attemptSteps.push({ ...about('attempt'), run: steps.onAttempt })
    if (steps.onUpstreamResponse !== undefined) upstreamResponseSteps.push({ ...about('upstream-response'), run: steps.onUpstreamResponse })
    if (steps.onResponse !== undefined) responseSteps.push({ ...about('response'), run: steps.onResponse })
    if (steps.answersPreflight === true && policy.mode === 'enforce') answersPreflight = true
    if (steps.onFinish !== undefined && policy.mode === 'enforce') finishSteps.push({ policy: name, run: steps.onFinish })
  }
  return {
    arrival: arrivalSteps,
    identity: [...arrivalSteps, ...guardSteps, ...authSteps],
    request: requestSteps,
    body: bodySteps,
    attempt: attemptSteps,
    upstreamResponse: translatorsFirst(upstreamResponseSteps, translating),
    responseBody: translatorsFirst(responseBodySteps, translating),
    store: storeSteps,
    response: responseSteps,
    finish: finishSteps,
    answersPreflight,
    facts: { policies, steps: stepFacts },
  }
}

function translatorsFirst<S extends { readonly policy: string }>(steps: readonly S[], translating: ReadonlySet<string>): readonly S[] {
  return [
    ...steps.filter(({ policy }) => translating.has(policyKind(policy))),
    ...steps.filter(({ policy }) => !translating.has(policyKind(policy))),
  ]
}

/** The methods stay their policy's. */
function bodyStep(step: RequestBodyStep): Pick<BodyStep, 'bytesMax' | 'wanted' | 'run'> {
  return { bytesMax: step.bytesMax, wanted: (exchange) => step.wanted(exchange), run: (exchange, body) => step.run(exchange, body) }
}
