import type { RoutePlan } from '../compile/plan.ts'
import type { Clock } from '../core/clock.ts'
import type { Exchange } from '../core/exchange.ts'
import type { Outcome } from '../core/policy.ts'
import { fitsTap, type TappedExchange, type TapRule } from '../core/tap.ts'
import { withoutTokens } from '../core/token-text.ts'

/** Most exchanges told at once, and how often: no watcher has a worker say more. */
const BATCH_MAX = 500
const BATCH_MS = 100

/** @param lost that fitted, and were too many */
export type TapListener = (exchanges: readonly TappedExchange[], lost: number) => void

/** One worker's end of the traffic tap. Without rules, an exchange costs it one comparison. */
export class TrafficTap {
  readonly #clock: Clock
  readonly #tell: TapListener
  #rules: readonly TapRule[] = []
  #batch: TappedExchange[] = []
  #lost = 0
  #timer: NodeJS.Timeout | null = null

  constructor(clock: Clock, tell: TapListener) {
    this.#clock = clock
    this.#tell = tell
  }

  /** Takes the rules of all taps that are open; none when there is none. */
  use(rules: readonly TapRule[]): void {
    this.#rules = rules
    if (rules.length > 0) return
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
    this.#batch = []
    this.#lost = 0
  }

  add(exchange: Exchange, plan: RoutePlan, outcome: Outcome): void {
    if (this.#rules.length === 0) return
    const tapped = this.#tapped(exchange, plan, outcome)
    if (!this.#rules.some((rule) => fitsTap(rule, tapped))) return
    if (this.#batch.length < BATCH_MAX) this.#batch.push(tapped)
    else this.#lost++
    this.#timer ??= setTimeout(() => this.#flush(), BATCH_MS).unref()
  }

  #flush(): void {
    const [batch, lost] = [this.#batch, this.#lost]
    this.#timer = null
    this.#batch = []
    this.#lost = 0
    this.#tell(batch, lost)
  }

  #tapped(exchange: Exchange, plan: RoutePlan, { status, error, durationMs }: Outcome): TappedExchange {
    const { request, client, caller, attempts } = exchange
    return {
      requestId: exchange.requestId,
      time: new Date(this.#clock.epochMs()).toISOString(),
      client: client.address,
      method: request.method,
      host: request.authority,
      // As records tell it: a token may stand in a path too.
      path: withoutTokens(request.path),
      route: plan.facts?.name ?? '',
      service: plan.serviceName,
      consumer: caller.consumer?.name ?? '',
      status,
      error,
      attempts: attempts.length,
      target: attempts.at(-1)?.target ?? '',
      requestBytes: exchange.requestBytes,
      responseBytes: exchange.responseBytes,
      durationMs: Math.round(durationMs * 100) / 100,
      lot: this.#clock.random(),
    }
  }
}
