import type { BodyStep, Step } from '../compile/plan.ts'
import type { Exchange } from '../core/exchange.ts'
import type { BodyVerdict, Verdict } from '../core/policy.ts'
import type { Reply } from '../core/reply.ts'
import { type ReportFault, runSteps } from './phases.ts'

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

/** Steps that look at one body, of a request or a response. */
export interface BodyWork<S extends BodyStep> {
  readonly wanting: readonly S[]
  /** Those among them that are not in shadow. */
  readonly enforced: readonly S[]
  /** A step in shadow must not bound a body that would have passed without it. */
  readonly bytesMax: number
}

/** The steps that want this exchange's body; null for none. */
export function bodyWork<S extends BodyStep>(steps: readonly S[], exchange: Exchange): BodyWork<S> | null {
  const wanting = steps.filter((step) => step.wanted(exchange))
  if (wanting.length === 0) return null
  const enforced = wanting.filter(({ shadow }) => !shadow)
  return { wanting, enforced, bytesMax: Math.min(...(enforced.length > 0 ? enforced : wanting).map((step) => step.bytesMax)) }
}

/**
 * Runs body steps on a whole body, each on what the one before made of it.
 * @param next called once, within this call or later, with the reply of the step that answered, or null, and with the body
 */
export function runOnBody(
  { wanting }: BodyWork<BodyStep>,
  exchange: Exchange,
  whole: Buffer,
  report: ReportFault,
  next: (reply: Reply | null, body: Buffer) => void,
): void {
  let body = whole
  const keep = (verdict: BodyVerdict, shadow: boolean): Verdict => {
    if (!Buffer.isBuffer(verdict)) return verdict
    if (!shadow) body = verdict
    return undefined
  }
  const bound = wanting.map((step): Step => {
    const { policy, shadow, facts } = step
    const run = (): Verdict | Promise<Verdict> => {
      const verdict = step.run(exchange, body)
      return verdict instanceof Promise ? verdict.then((late) => keep(late, shadow)) : keep(verdict, shadow)
    }
    return { policy, phase: facts.phase, shadow, facts, run }
  })
  runSteps(bound, 0, exchange, report, (reply) => next(reply, body))
}
