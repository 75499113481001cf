/** A record in one sentence. */
import { wasRouteSought } from '../../../../src/core/decision.ts'
import type { DecisionRecord } from '../../decision-shapes.ts'
import { ms } from '../../parts.tsx'

/** Who answered and why. */
export function verdictOf(record: DecisionRecord): string {
  const { answer, service, attempts, durationMs, policies, fallback } = record
  const { from, status, error } = answer
  const cause = error === null ? '' : ` ${error}`
  switch (from.by) {
    case 'policy': {
      const notes = policies.find(({ kind, verdict }) => kind === from.kind && verdict === 'answered')?.notes ?? []
      return `The policy ${from.kind} answered ${status}${cause}${notes.length === 0 ? '' : `: ${notes.join('; ')}`}.`
    }
    case 'service':
      return `The service ${service} answered ${status}${attempts.length > 1 ? ` at try ${attempts.length}` : ''} after ${ms(durationMs)}${error === null ? '' : `, and the answer broke off: ${error}`}.`
    case 'fallback':
      return `The service ${service} failed${error === null ? '' : ` (${error})`}, and ${fallback === 'stale' ? 'a stale answer of the cache' : "the route's own answer"} took its place.`
    case 'gateway':
      return `The gateway answered ${status}${cause}${gatewayReason(record)}.`
    case 'nobody':
      return 'The client had gone before there was an answer.'
  }
}

function gatewayReason(record: DecisionRecord): string {
  const { route, request, attempts, service } = record
  if (request.path === '') return ': what came was no request'
  if (route === null) return wasRouteSought(record) ? ': no route takes this request' : ', and looked for no route'
  return attempts.length > 0 ? `, as the service ${service} could not` : ''
}
