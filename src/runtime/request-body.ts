import type { BodyStep } from '../compile/plan.ts'
import type { Exchange } from '../core/exchange.ts'
import { type Reply, refuse } from '../core/reply.ts'
import { bodyWork, runOnBody } from './body-steps.ts'
import type { ReportFault } from './phases.ts'
import type { RequestRelay } from './request-relay.ts'

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
  const work = bodyWork(steps, exchange)
  if (work === null) return next(null)
  const isEnforced = work.enforced.length > 0
  relay.gather(work.bytesMax, (whole) => {
    if (whole === 'too large') return next(isEnforced ? refuse('request_body_too_large') : null)
    if (whole === 'no room') return next(isEnforced ? refuse('gateway_overloaded') : null)
    runOnBody(work, exchange, whole, report, (reply, body) => {
      if (reply === null && body !== whole) relay.replace(body)
      next(reply)
    })
  })
}
