import type { Clock } from './clock.ts'
import type { Exchange } from './exchange.ts'
import type { Outcome } from './policy.ts'

/** Where the time of an exchange went, in milliseconds. */
export interface Latencies {
  /** From the end of the request head to the end of the response. */
  readonly total: number
  /** Until a service was asked first; all of it where none was. */
  readonly before: number
  /** From there to the head of the service's response, tries that failed included; -1 where none came. */
  readonly service: number
  /** From that head to the end of the response; 0 where none came. */
  readonly receive: number
}

interface Times {
  sentAt: number
  headAt: number
}

/** Measures where the time goes, for policies that tell it. Their steps of the same names call these. */
export class LatencyProbe {
  readonly #clock: Clock
  readonly #times = new WeakMap<Exchange, Times>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  onAttempt(exchange: Exchange): void {
    if (!this.#times.has(exchange)) this.#times.set(exchange, { sentAt: this.#clock.now(), headAt: -1 })
  }

  onUpstreamResponse(exchange: Exchange): void {
    const times = this.#times.get(exchange)
    if (times !== undefined) times.headAt = this.#clock.now()
  }

  /** At the end, once: an exchange is used again for the next request of its connection. */
  take(exchange: Exchange, { durationMs }: Outcome): Latencies {
    const times = this.#times.get(exchange)
    if (times === undefined) return { total: durationMs, before: durationMs, service: -1, receive: 0 }
    this.#times.delete(exchange)
    const { sentAt, headAt } = times
    const before = Math.max(0, sentAt - exchange.startedAt)
    if (headAt === -1) return { total: durationMs, before, service: -1, receive: 0 }
    const service = headAt - sentAt
    return { total: durationMs, before, service, receive: Math.max(0, durationMs - before - service) }
  }
}
