import type { ResponseBodyPlanStep } from '../compile/plan.ts'
import type { Exchange } from '../core/exchange.ts'
import { type Reply, refuse } from '../core/reply.ts'
import { bodyWork, runOnBody } from './body-steps.ts'
import type { ReportFault } from './phases.ts'
import type { ResponseRelay } from './response-relay.ts'

/** Whether a service's response has a body that steps could look at (RFC 9110, 9.3.2, 15.3.5 and 15.4.5). */
function hasBody({ request, response }: Exchange): boolean {
  return request.method !== 'HEAD' && response.bodyLength !== 0 && response.status !== 204 && response.status !== 304
}

/**
 * Gathers the body of a service's response when a step wants it, and runs those that do.
 * @param resume has the service's connection read on
 * @param next called once, within this call or later, with the reply of the step that answered, or null
 */
export function runResponseBodySteps(
  steps: readonly ResponseBodyPlanStep[],
  exchange: Exchange,
  relay: ResponseRelay,
  report: ReportFault,
  resume: () => void,
  next: (reply: Reply | null) => void,
): void {
  const work = hasBody(exchange) ? bodyWork(steps, exchange) : null
  if (work === null) return next(null)
  let isWhole = false
  relay.gather(work.bytesMax, (whole) => {
    isWhole = true
    if (whole === 'no room') return next(work.enforced.length > 0 ? refuse('gateway_overloaded') : null)
    if (whole === 'too large')
      return next(work.enforced.map((step) => step.tooLarge(exchange)).find((reply) => reply !== undefined) ?? null)
    runOnBody(work, exchange, whole, report, (reply, body) => {
      if (reply === null && body !== whole) relay.replace(body)
      next(reply)
    })
  })
  if (!isWhole) resume()
}
