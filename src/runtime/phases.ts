import type { FinishStep, Step } from '../compile/plan.ts'
import type { BodyFilter } from '../core/body-filter.ts'
import type { CallerState } from '../core/caller.ts'
import { GatewayError } from '../core/errors.ts'
import type { Exchange, ForwardHead, StaleAnswer } from '../core/exchange.ts'
import type { HeadersMark } from '../core/headers.ts'
import type { Outcome, Verdict } from '../core/policy.ts'
import { type Reply, refuse } from '../core/reply.ts'
import type { LimitDecision } from '../core/store.ts'
import { describeChanges, type ExchangeState, stateOf } from './changes.ts'
import { NO_SECRET_PLACES } from './decisions/redact.ts'

/** Told of a step that threw: our bug, to be logged and answered with 500. */
export type ReportFault = (policy: string, error: unknown) => void

/**
 * Runs steps from `from` on until one answers. Stays synchronous while they do: only a step that returns a promise costs one.
 * @param next called once, within this call or later, with the reply of the step that answered, or null.
 */
export function runSteps(
  steps: readonly Step[],
  from: number,
  exchange: Exchange,
  report: ReportFault,
  next: (reply: Reply | null) => void,
): void {
  for (let i = from; i < steps.length; i++) {
    const step = steps[i] as Step
    const { trace } = exchange
    trace?.begin(step.facts)
    const before = trace?.isDetailed === true ? stateOf(exchange) : null
    const observed = step.shadow || before !== null
    const marks = step.shadow ? markOf(exchange) : null
    let verdict: Verdict | Promise<Verdict>
    try {
      verdict = step.run(exchange)
    } catch (error) {
      verdict = faultReply(step, error, report)
    }
    // What nearly every step says: go on.
    if (verdict === undefined && !observed) continue
    if (verdict instanceof Promise) return goOnLater(verdict, { steps, at: i, exchange, report, next, before, marks })
    verdict = conclude(step, exchange, verdict, before, marks)
    if (verdict !== undefined) {
      next(verdict)
      return
    }
  }
  next(null)
}

/** A step that waits, and what there is to do then. */
interface Waiting {
  readonly steps: readonly Step[]
  readonly at: number
  readonly exchange: Exchange
  readonly report: ReportFault
  readonly next: (reply: Reply | null) => void
  readonly before: ExchangeState | null
  readonly marks: Marks | null
}

/** Apart from {@link runSteps}: closures over the variables of its loop would have each step allocate what only a promise needs. */
function goOnLater(verdict: Promise<Verdict>, { steps, at, exchange, report, next, before, marks }: Waiting): void {
  const step = steps[at] as Step
  const startedAt = exchange.traceContext === null ? 0 : exchange.clock.now()
  const settle = (late: Verdict): void => {
    exchange.traceContext?.waited(step.policy, startedAt, exchange.clock.now())
    const reply = conclude(step, exchange, late, before, marks)
    // The client may have gone meanwhile: nobody needs the steps that follow.
    if (exchange.ended) next(null)
    else if (reply !== undefined) next(reply)
    else runSteps(steps, at + 1, exchange, report, next)
  }
  verdict.then(settle, (error: unknown) => settle(faultReply(step, error, report)))
}

/** Runs what closes an exchange; one that throws keeps no other from it. @param only the policy whose step runs; null for all */
export function runFinishSteps(
  steps: readonly FinishStep[],
  only: string | null,
  exchange: Exchange,
  outcome: Outcome,
  report: ReportFault,
): void {
  for (const { policy, run } of steps) {
    if (only !== null && only !== policy) continue
    try {
      run(exchange, outcome)
    } catch (error) {
      report(policy, error)
    }
  }
}

const NO_CHANGES: readonly string[] = []

/** Notes what a step did; for a step in shadow, takes it back and lets the exchange go on. */
function conclude(step: Step, exchange: Exchange, verdict: Verdict, before: ExchangeState | null, marks: Marks | null): Verdict {
  const { trace } = exchange
  if (trace !== null && (before !== null || verdict !== undefined)) {
    const answer = verdict === undefined ? null : `${verdict.code ?? verdict.status}`
    const changes = before === null ? NO_CHANGES : describeChanges(before, stateOf(exchange), trace.secrets ?? NO_SECRET_PLACES)
    trace.end(step.facts, answer, changes)
  }
  if (marks === null) return verdict
  restore(exchange, marks)
  return undefined
}

function faultReply(step: Step, error: unknown, report: ReportFault): Reply {
  // What a client sent can make a field that no message may hold; that is the client's fault, and said so.
  if (error instanceof GatewayError && error.origin === 'downstream') return refuse(error.code)
  report(step.policy, error)
  return refuse('internal_error')
}

/** Everything of an exchange that a step may change. */
interface Marks {
  readonly request: HeadersMark
  readonly response: HeadersMark
  readonly status: number
  readonly requestId: string
  readonly correlationId: string
  readonly bodyMax: number
  readonly requestBody: Buffer | null
  readonly requestFilter: BodyFilter | null
  readonly responseFilter: BodyFilter | null
  readonly caller: CallerState
  readonly limit: LimitDecision | null
  readonly limitBy: object | null
  readonly stale: StaleAnswer | null
  readonly forward: ForwardHead
}

function markOf(exchange: Exchange): Marks {
  return {
    request: exchange.request.headers.mark(),
    response: exchange.response.headers.mark(),
    status: exchange.response.status,
    requestId: exchange.requestId,
    correlationId: exchange.correlationId,
    bodyMax: exchange.requestBodyBytesMax,
    requestBody: exchange.requestBody,
    requestFilter: exchange.requestFilter,
    responseFilter: exchange.responseFilter,
    caller: exchange.caller.copy(),
    limit: exchange.limit,
    limitBy: exchange.limitBy,
    stale: exchange.stale,
    forward: { ...exchange.forward },
  }
}

function restore(exchange: Exchange, marks: Marks): void {
  exchange.request.headers.restore(marks.request)
  exchange.response.headers.restore(marks.response)
  exchange.response.status = marks.status
  exchange.requestId = marks.requestId
  exchange.correlationId = marks.correlationId
  exchange.requestBodyBytesMax = marks.bodyMax
  exchange.requestBody = marks.requestBody
  exchange.requestFilter = marks.requestFilter
  exchange.responseFilter = marks.responseFilter
  exchange.caller.restore(marks.caller)
  exchange.limit = marks.limit
  exchange.limitBy = marks.limitBy
  exchange.stale = marks.stale
  Object.assign(exchange.forward, marks.forward)
}
