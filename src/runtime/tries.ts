import type { RoutePlan } from '../compile/plan.ts'
import type { Clock } from '../core/clock.ts'
import { type ErrorCode, GatewayError } from '../core/errors.ts'
import type { Attempt, Exchange } from '../core/exchange.ts'
import type { UpstreamHandler } from '../http/h1/upstream-handler.ts'
import type { UpstreamConnection } from '../http/upstream-connection.ts'
import { backoffMs, isRepeatable, mayRetry } from '../upstream/retry.ts'
import { REFUSED, type Service } from '../upstream/service.ts'
import type { Target } from '../upstream/target.ts'
import { sentMethod, sentUpgrade } from './upstream-request.ts'

/** What may follow a failed try: another on a new connection at once, another after a wait, or nothing. */
export type NextTry = 'fresh' | 'later' | 'none'

/** The tries of one exchange: which target each went to, how it ended, and whether another may follow. Used again for the next exchange. */
export class Tries {
  readonly #exchange: Exchange
  readonly #clock: Clock
  #plan: RoutePlan | null = null
  #service: Service | null = null
  /** The target and the record of the try that is under way, and what the breaker gave for it. */
  #target: Target | null = null
  #attempt: Attempt | null = null
  #ticket = REFUSED
  #failed: Set<Target> | null = null
  /** Tries at this service, and how many of them a dead connection cost. */
  #count = 0
  /** A used connection died under the request, and a new one has been tried for it. */
  #freshTried = false
  /** That is what the last failure was. */
  #diedOfAge = false
  /** Bytes of the request may have reached a service. */
  #sent = false

  constructor(exchange: Exchange, clock: Clock) {
    this.#exchange = exchange
    this.#clock = clock
  }

  /** Forgets the last exchange. */
  reset(): void {
    this.#plan = null
    this.#service = null
    this.#sent = false
  }

  /** Begins with the first try at a service. */
  begin(plan: RoutePlan, service: Service): void {
    this.#plan = plan
    this.#service = service
    this.#failed = null
    this.#count = 0
    this.#freshTried = false
    this.#diedOfAge = false
    service.budget.earn()
  }

  /** The try under way, or null. */
  get current(): Attempt | null {
    return this.#attempt
  }

  /** The service that is tried; null before the first. */
  get service(): Service | null {
    return this.#service
  }

  get targetAuthority(): string {
    return this.#target?.authority ?? ''
  }

  /**
   * Starts a try: picks a target and takes a connection, which may still have to be made.
   * @param fresh asks for a new connection. @returns why there is none, otherwise the connection.
   */
  start(handler: UpstreamHandler, fresh: boolean): UpstreamConnection | GatewayError {
    const exchange = this.#exchange
    const service = this.#service as Service
    const ticket = service.enter()
    if (ticket === REFUSED) return new GatewayError('circuit_open', `the breaker of ${service.name} is open`, 'upstream')
    const target = service.pick(exchange, this.#failed)
    if (target === null) {
      service.settle(null, ticket, 0, null)
      return new GatewayError('service_unavailable', `${service.name} has no target`, 'upstream')
    }
    this.#diedOfAge = false
    this.#ticket = ticket
    this.#target = target
    this.#count++
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
    return target.acquire(handler, fresh, sentUpgrade(exchange, this.#plan) !== '')
  }

  /** The request is written to a connection. */
  onSend(): void {
    this.#sent = true
  }

  /** Tells the breaker of a try that succeeded and lasts: a tunnel, a stream of events. */
  settle(status: number): void {
    if (this.#ticket === REFUSED) return
    this.#service?.settle(this.#target, this.#ticket, status, null)
    this.#ticket = REFUSED
  }

  /** The try under way is over. @param isBlamed false for a fault that says nothing of the service */
  end(status: number, error: ErrorCode | null, isBlamed: boolean): void {
    const attempt = this.#attempt
    const target = this.#target
    if (attempt === null || target === null) return
    this.#attempt = null
    attempt.endedAt = this.#clock.now()
    attempt.status = status
    attempt.error = error
    target.inFlight--
    if (this.#ticket === REFUSED) return
    // A used connection that the server had just closed says nothing of the service.
    const counts = error === null || (isBlamed && !this.#diedOfAge)
    this.#service?.settle(target, this.#ticket, counts ? status : 0, counts ? error : null)
    this.#ticket = REFUSED
  }

  /**
   * What may follow after the try failed that is under way. A `later` has been taken out of the retry budget.
   * @param connection that failed, if there was one. @param isBodyKept whether another try can have the body from its beginning.
   */
  after(error: GatewayError, connection: UpstreamConnection | null, isBodyKept: boolean): NextTry {
    if (this.#target !== null) this.#service?.warnOf(this.#target, error)
    // The server closed an unused connection just when it was taken; a second time it is no chance.
    const isUsed = connection !== null && connection.requestsServed > 0
    this.#diedOfAge = isUsed && error.code === 'upstream_reset_before_headers' && !this.#freshTried
    const retry = this.#plan?.ir?.retry
    if (retry === undefined || !isBodyKept || !mayRetry(error, sentMethod(this.#exchange), retry)) return 'none'
    if (this.#diedOfAge) {
      // No failure of the service, and no try of the route's.
      this.#freshTried = true
      return 'fresh'
    }
    return this.#mayFollow() ? 'later' : 'none'
  }

  /** Whether a response of this status is to be tried again. */
  isRetryStatus(status: number, isBodyKept: boolean): boolean {
    const retry = this.#plan?.ir?.retry
    if (retry === undefined || !isBodyKept || !retry.statuses.includes(status)) return false
    return isRepeatable(sentMethod(this.#exchange), retry) && this.#mayFollow()
  }

  /**
   * Whether an answer that consists of a gRPC status alone is to be tried again. The method says nothing: every call is a POST, and who lists
   * a status vouches for it.
   * @param pushback what the service says of it: a wait in milliseconds, `never`, or null for nothing
   */
  isRetryGrpcStatus(code: number, pushback: number | 'never' | null, isBodyKept: boolean): boolean {
    const retry = this.#plan?.ir?.retry
    if (retry === undefined || !isBodyKept || !retry.grpcStatuses.includes(code) || pushback === 'never') return false
    // A service that wants more time than we wait is not asked before: the client has its word, and may be patient.
    if (pushback !== null && (pushback > retry.backoffMaxMs || this.#clock.now() + pushback >= this.#exchange.deadlineAt)) return false
    return this.#mayFollow()
  }

  /** Whether the request may go to another service: its body is there, and either no service has seen it or it may be sent twice. */
  mayRepeat(isBodyKept: boolean): boolean {
    const retry = this.#plan?.ir?.retry
    return isBodyKept && retry !== undefined && (!this.#sent || isRepeatable(sentMethod(this.#exchange), retry))
  }

  #mayFollow(): boolean {
    const retry = this.#plan?.ir?.retry
    const count = this.#count - (this.#freshTried ? 1 : 0)
    return retry !== undefined && count < retry.attempts && this.#service?.budget.spend(this.#clock.now()) === true
  }

  /** Passes over the last target from now on. Returns the milliseconds to wait before the next try. @param askedMs by the service, if it did */
  postpone(askedMs: number | null = null): number {
    if (this.#target !== null) {
      this.#failed ??= new Set()
      this.#failed.add(this.#target)
    }
    if (askedMs !== null) return askedMs
    const retry = this.#plan?.ir?.retry
    return retry === undefined ? 0 : backoffMs(retry, this.#count + 1, () => this.#clock.random())
  }

  /** Bytes of the body to keep for another try than the one on this connection. @param isGrpc whether it is a call of gRPC */
  bodyBytesToKeep(connection: UpstreamConnection, isGrpc: boolean): number {
    const retry = this.#plan?.ir?.retry
    if (retry === undefined) return 0
    if (isGrpc && retry.attempts > 1 && retry.grpcStatuses.length > 0) return retry.bodyBytesMax
    // A fallback takes what no service has seen, and what may be sent twice.
    if (!isRepeatable(sentMethod(this.#exchange), retry) && !connection.mayRefuse) return 0
    const mayFollow = retry.attempts > 1 || connection.requestsServed > 0 || this.#plan?.fallback?.service != null
    return mayFollow ? retry.bodyBytesMax : 0
  }
}
