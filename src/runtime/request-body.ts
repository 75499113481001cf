import type { BodyStep, Step } from '../compile/plan.ts'
import type { Exchange } from '../core/exchange.ts'
import { type Reply, refuse } from '../core/reply.ts'
import { type ReportFault, runSteps } from './phases.ts'
import type { RequestRelay } from './request-relay.ts'

/** The bytes of bodies that all exchanges of a worker hold together. */
export class BodyBudget {
  #held = 0

  /** Whether so many more bytes may be held; they then are, until {@link give}. */
  take(bytes: number, bytesMax: number): boolean {
    if (this.#held + bytes > bytesMax) return false
    this.#held += bytes
    return true
  }

  give(bytes: number): void {
    this.#held -= bytes
  }
}

/**
 * Gathers the request body when a step wants it, and runs those that do.
 * @param next called once, within this call or later, with the reply of the step that answered, or null.
 */
export function runBodySteps(
  steps: readonly BodyStep[],
  exchange: Exchange,
  relay: RequestRelay,
  report: ReportFault,
  next: (reply: Reply | null) => void,
): void {
  const wanting = steps.filter((step) => step.wanted(exchange))
  if (wanting.length === 0) return next(null)
  // A step in shadow must not have a body refused that would have passed without it.
  const enforced = wanting.filter(({ shadow }) => !shadow)
  const bytesMax = Math.min(...(enforced.length > 0 ? enforced : wanting).map((step) => step.bytesMax))
  relay.gather(bytesMax, (body) => {
    if (body === 'too large') return next(enforced.length > 0 ? refuse('request_body_too_large') : null)
    if (body === 'no room') return next(enforced.length > 0 ? refuse('gateway_overloaded') : null)
    const bound = wanting.map(
      (step): Step => ({ policy: step.policy, phase: 'body', shadow: step.shadow, run: () => step.run(exchange, body) }),
    )
    runSteps(bound, 0, exchange, report, next)
  })
}
