import type { RoutePlan } from '../compile/plan.ts'
import type { Exchange } from '../core/exchange.ts'
import type { Reply } from '../core/reply.ts'

/** Answers of a service in whose place a stale one may be given without being asked to (RFC 5861, 4). */
const STALE_IF_ERROR = new Set([500, 502, 503, 504])

/** What follows a failure: an answer, another service, or nothing. */
export type NextAnswer = Reply | 'service' | null

/** What is answered when the service of an exchange fails: first a stale answer, then another service, then a fixed answer; each once. */
export class FailOver {
  readonly #exchange: Exchange
  #plan: RoutePlan | null = null
  #triedStale = false
  #triedService = false

  constructor(exchange: Exchange) {
    this.#exchange = exchange
  }

  begin(plan: RoutePlan): void {
    this.#plan = plan
    this.#triedStale = false
    this.#triedService = false
  }

  /** Whether an answer of this status is a failure that something can take the place of. @param mayRepeat as for {@link next} */
  replaces(status: number, mayRepeat: boolean): boolean {
    if (status < 400) return false
    if (this.#isStaleUsable && STALE_IF_ERROR.has(status)) return true
    const fallback = this.#plan?.fallback ?? null
    if (fallback === null || !fallback.isFailure(status)) return false
    return this.#isStaleUsable || fallback.reply !== null || (this.#mayAskService && mayRepeat)
  }

  /**
   * What is to be answered now.
   * @param mayRepeat whether the request may go to another service: its body is there, and asking twice is safe or nothing was sent
   */
  next(mayRepeat: boolean): NextAnswer {
    const exchange = this.#exchange
    const fallback = this.#plan?.fallback ?? null
    if (this.#isStaleUsable && exchange.stale !== null) {
      this.#triedStale = true
      exchange.fallback = 'stale'
      return exchange.stale.reply()
    }
    if (fallback !== null && this.#mayAskService && mayRepeat) {
      this.#triedService = true
      exchange.fallback = 'service'
      return 'service'
    }
    // An error is no answer of a service that stood in and failed as well.
    exchange.fallback = fallback?.reply == null ? null : 'response'
    if (fallback?.reply == null) return null
    return fallback.reply(exchange)
  }

  get #isStaleUsable(): boolean {
    const { stale } = this.#exchange
    return stale !== null && !this.#triedStale && (stale.onError || this.#plan?.fallback?.stale === true)
  }

  get #mayAskService(): boolean {
    return this.#plan?.fallback?.service != null && !this.#triedService
  }
}

/** Tells the client which service it was brought to, and what took the place of one that failed. */
export function markDivision({ response, fallback, newCookie }: Exchange): void {
  if (fallback !== null) response.headers.append('Turnpike-Fallback', fallback)
  if (newCookie !== '') response.headers.append('Set-Cookie', newCookie)
}
