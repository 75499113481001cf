import type { RoutePlan } from '../compile/plan.ts'
import type { Clock } from '../core/clock.ts'
import { type ErrorCode, GatewayError } from '../core/errors.ts'
import type { Attempt, Exchange } from '../core/exchange.ts'
import type { ClientConnection, UpstreamHandler } from '../http/h1/client-connection.ts'
import { backoffMs, isRepeatable, mayRetry } from '../upstream/retry.ts'
import type { Target } from '../upstream/target.ts'

/** What may follow a failed try: another on a new connection at once, another after a wait, or nothing. */
export type NextTry = 'fresh' | 'later' | 'none'

/** The tries of one exchange: which target each went to, how it ended, and whether another may follow. Used again for the next exchange. */
export class Tries {
  readonly #exchange: Exchange
  readonly #clock: Clock
  #plan: RoutePlan | null = null
  /** The target and the record of the try that is under way. */
  #target: Target | null = null
  #attempt: Attempt | null = null
  #failed: Set<Target> | null = null
  /** A used connection died under the request, and a new one has been tried for it. */
  #freshTried = false

  constructor(exchange: Exchange, clock: Clock) {
    this.#exchange = exchange
    this.#clock = clock
  }

  /** Begins with the first try of an exchange on this route. */
  begin(plan: RoutePlan): void {
    this.#plan = plan
    this.#failed = null
    this.#freshTried = false
    plan.service?.budget.earn()
  }

  /** The try under way, or null. */
  get current(): Attempt | null {
    return this.#attempt
  }

  get targetLabel(): string {
    return this.#target?.label ?? ''
  }

  /**
   * Starts a try: picks a target and takes a connection, which may still have to be made.
   * @param fresh asks for a new connection. @returns why there is none, otherwise the connection.
   */
  start(handler: UpstreamHandler, fresh: boolean): ClientConnection | GatewayError {
    const exchange = this.#exchange
    const service = this.#plan?.service
    const target = service?.pick(exchange, this.#failed) ?? null
    if (target === null) return new GatewayError('service_unavailable', `${service?.name ?? ''} has no target`, 'upstream')
    this.#target = target
    target.inFlight++
    this.#attempt = {
      number: exchange.attempts.length + 1,
      target: target.label,
      startedAt: exchange.attempts.length === 0 ? exchange.startedAt : this.#clock.now(),
      endedAt: 0,
      status: 0,
      error: null,
    }
    exchange.attempts.push(this.#attempt)
    return target.acquire(handler, fresh)
  }

  /** The try under way is over. */
  end(status: number, error: ErrorCode | null): void {
    const attempt = this.#attempt
    if (attempt === null) return
    this.#attempt = null
    attempt.endedAt = this.#clock.now()
    attempt.status = status
    attempt.error = error
    if (this.#target !== null) this.#target.inFlight--
  }

  /**
   * What may follow after the last try failed. A `later` has been taken out of the retry budget.
   * @param connection that failed, if there was one. @param isBodyKept whether another try can have the body from its beginning.
   */
  after(error: GatewayError, connection: ClientConnection | null, isBodyKept: boolean): NextTry {
    const retry = this.#plan?.ir?.retry
    if (retry === undefined || !isBodyKept || !mayRetry(error, this.#exchange.request.method, retry)) return 'none'
    const wasReused = connection !== null && connection.requestsServed > 0 && error.code === 'upstream_reset_before_headers'
    if (wasReused && !this.#freshTried) {
      // The server closed an unused connection just when it was taken: no failure of the service, and no try of the route's.
      this.#freshTried = true
      return 'fresh'
    }
    return this.#mayFollow() ? 'later' : 'none'
  }

  /** Whether a response of this status is to be tried again. */
  isRetryStatus(status: number, isBodyKept: boolean): boolean {
    const retry = this.#plan?.ir?.retry
    if (retry === undefined || !isBodyKept || !retry.statuses.includes(status)) return false
    return isRepeatable(this.#exchange.request.method, retry) && this.#mayFollow()
  }

  #mayFollow(): boolean {
    const plan = this.#plan
    const count = this.#exchange.attempts.length - (this.#freshTried ? 1 : 0)
    return plan?.ir != null && count < plan.ir.retry.attempts && plan.service?.budget.spend(this.#clock.now()) === true
  }

  /** Passes over the last target from now on. Returns the milliseconds to wait before the next try. */
  postpone(): number {
    if (this.#target !== null) {
      this.#failed ??= new Set()
      this.#failed.add(this.#target)
    }
    const retry = this.#plan?.ir?.retry
    return retry === undefined ? 0 : backoffMs(retry, this.#exchange.attempts.length + 1, () => this.#clock.random())
  }

  /** Bytes of the body to keep for another try than the one on this connection. */
  bodyBytesToKeep(connection: ClientConnection): number {
    const retry = this.#plan?.ir?.retry
    if (retry === undefined || !isRepeatable(this.#exchange.request.method, retry)) return 0
    return retry.attempts > 1 || connection.requestsServed > 0 ? retry.bodyBytesMax : 0
  }
}
