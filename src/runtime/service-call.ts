import type { RoutePlan } from '../compile/plan.ts'
import { LENGTH_UNKNOWN } from '../core/body.ts'
import type { Clock } from '../core/clock.ts'
import { type ErrorCode, GatewayError } from '../core/errors.ts'
import type { Attempt, Exchange, TunnelEnd } from '../core/exchange.ts'
import { countedStatusOf, formatGrpcTimeout, grpcPushbackOf, grpcStatusOf, NO_GRPC_STATUS } from '../core/grpc.ts'
import type { Headers } from '../core/headers.ts'
import { formatTraceParent } from '../core/trace-context.ts'
import type { UpstreamHandler } from '../http/h1/upstream-handler.ts'
import type { UpstreamConnection } from '../http/upstream-connection.ts'
import type { RouteMetrics } from '../telemetry/gateway-metrics.ts'
import type { ConcurrencyGate, PlaceWaiter } from '../upstream/concurrency.ts'
import type { Service } from '../upstream/service.ts'
import type { ProxyContext } from './proxy-context.ts'
import type { RequestRelay } from './request-relay.ts'
import { Tries } from './tries.ts'
import { TryLimits } from './try-limits.ts'
import { isGrpcCall, upstreamRequest } from './upstream-request.ts'

/** How long a client's 100-continue waits for the service's, before the body is asked for anyway (RFC 9110, 10.1.1). */
const CONTINUE_TIMEOUT_MS = 1_000
/** A gRPC response that goes on for so long counts as a success at that: streams may last for hours, and their status comes at the end. */
const GRPC_STREAM_MS = 1_000

/** Who asked for the call. After `onCallFailed`, `onResponseEnd`, `onResponseLost` or `onUpgraded` nothing more is called. */
export interface ServiceCallOwner {
  /** The head of the answer, once no further try is made. The headers stay valid until the exchange has finished. */
  onResponse(status: number, headers: Headers, bodyLength: number): void
  /** @returns false to pause until {@link ServiceCall.resume} */
  onResponseData(bytes: Buffer, start: number, end: number): boolean
  onResponseEnd(trailers: Headers | null): void
  /** The response broke off after its head. */
  onResponseLost(error: GatewayError): void
  /** There is no answer, and no further try is made. */
  onCallFailed(error: GatewayError): void
  onUpgraded(headers: Headers, openTunnel: () => TunnelEnd): void
  flush(): void
}

/**
 * One exchange's dealings with a service: place → try [pick target → connect → attempt steps → send] → head, with retries in between.
 * Used again for the next service and the next exchange.
 */
export class ServiceCall implements UpstreamHandler, PlaceWaiter {
  readonly #exchange: Exchange
  readonly #request: RequestRelay
  readonly #owner: ServiceCallOwner
  readonly #tries: Tries
  readonly #limits: TryLimits
  readonly #clock: Clock
  #plan: RoutePlan | null = null
  #metrics: RouteMetrics | null = null
  #connection: UpstreamConnection | null = null
  /** Kept out of its pool for the headers of a whole response that waits. */
  #detained: UpstreamConnection | null = null
  /** Where this exchange has a place, or waits for one. */
  #gate: ConcurrencyGate | null = null
  /** The head of the response has been given to the owner, and with which status it counts. */
  #responds = false
  #status = 0
  /** What is sent is a call of gRPC, whatever the client speaks. */
  #isGrpc = false

  constructor(exchange: Exchange, request: RequestRelay, context: ProxyContext, owner: ServiceCallOwner) {
    this.#exchange = exchange
    this.#request = request
    this.#owner = owner
    this.#clock = context.clock
    this.#tries = new Tries(exchange, context.clock)
    this.#limits = new TryLimits(context.wheel, {
      onBackoffOver: () => this.#try(false),
      onAttemptTimeout: () => this.#onAttemptTimeout(),
      onContinueTimeout: () => this.#continue(),
      onLasting: () => this.#tries.settle(this.#status),
    })
  }

  /** Forgets the last exchange. */
  reset(): void {
    this.#tries.reset()
  }

  /** Asks a service. @param plan of the route; its own service, or another that takes its place */
  begin(plan: RoutePlan, service: Service, metrics: RouteMetrics): void {
    this.#plan = plan
    this.#metrics = metrics
    this.#responds = false
    this.#isGrpc = false
    this.#exchange.grpcStatus = NO_GRPC_STATUS
    this.#tries.begin(plan, service)
    const { gate } = service
    // Who is about to be refused by the breaker need not wait for a place first.
    if (gate === null || service.retryAfterMs > 0) return this.#try(false)
    const result = gate.enter(this)
    if (result === 'refused') return this.#fail('service_overloaded')
    this.#gate = gate
    if (result === 'entered') this.#try(false)
  }

  /** Milliseconds until the service's breaker lets tries through again; 0 when it does. */
  get retryAfterMs(): number {
    return this.#tries.service?.retryAfterMs ?? 0
  }

  /** Whether it still waits for a place at the service. */
  get waitsForPlace(): boolean {
    return this.#gate !== null && this.#exchange.attempts.length === 0
  }

  /** Whether the request may go to another service; see {@link Tries.mayRepeat}. */
  get mayRepeat(): boolean {
    return this.#tries.mayRepeat(this.#request.repeatable)
  }

  // --- tries

  onPlace(): void {
    this.#try(false)
  }

  onNoPlace(): void {
    this.#fail('service_queue_timeout')
  }

  /** @param fresh asks for a new connection. */
  #try(fresh: boolean): void {
    const connection = this.#tries.start(this, fresh)
    if (connection instanceof GatewayError) return this.onFailed(connection)
    const route = this.#plan?.ir
    if (route != null && route.attemptTimeoutMs < route.timeoutMs) this.#limits.beginAttempt(route.attemptTimeoutMs)
    this.#connection = connection
    if (connection.idle) this.onConnected(connection)
  }

  onConnected(connection: UpstreamConnection): void {
    // Until now something else may have stood for it.
    this.#connection = connection
    const exchange = this.#exchange
    const { request } = exchange
    const { attempt } = (this.#plan as RoutePlan).steps
    const mark = attempt.length > 0 ? request.headers.mark() : null
    // What is left of the client's time, so that no service works for one who is gone.
    if (exchange.deadlineAt < Number.POSITIVE_INFINITY)
      request.headers.set('grpc-timeout', formatGrpcTimeout(exchange.deadlineAt - this.#clock.now()))
    this.#markTrace()
    for (const step of attempt) if (!step.shadow) step.run(exchange, this.#tries.current as Attempt)
    const { length } = this.#request
    this.#isGrpc = isGrpcCall(exchange)
    this.#tries.onSend()
    connection.send(
      upstreamRequest(exchange, this.#plan as RoutePlan, this.#tries.service, this.#tries.targetAuthority, {
        bodyLength: length,
        isGrpc: this.#isGrpc,
      }),
    )
    if (mark !== null) request.headers.restore(mark)
    if (length === 0) return
    if (request.expectsContinue && !this.#request.started) {
      connection.requestBody.flush()
      this.#limits.awaitContinue(CONTINUE_TIMEOUT_MS)
      return
    }
    this.#sendBody(connection)
  }

  /** Each try has a span of its own, whose child the service's is (Trace Context, 3.2). */
  #markTrace(): void {
    const { traceContext, request } = this.#exchange
    const number = this.#tries.current?.number ?? 0
    if (traceContext === null) return
    const { traceId, sampled } = traceContext
    request.headers.set('Traceparent', formatTraceParent(traceId, traceContext.attemptSpanId(number), sampled))
  }

  #sendBody(connection: UpstreamConnection): void {
    this.#request.attach(connection, this.#tries.bodyBytesToKeep(connection, this.#isGrpc))
  }

  onInformational(status: number, headers: Headers): void {
    this.#exchange.downstream.sendInformational(status, headers)
    if (status === 100) this.#continue()
  }

  /** The service asked for the body, or said nothing for long enough. */
  #continue(): void {
    this.#limits.endContinue()
    const connection = this.#connection
    if (connection !== null && this.#request.length !== 0 && !this.#request.started) this.#sendBody(connection)
  }

  onFailed(error: GatewayError): void {
    const connection = this.#connection
    const next = this.#responds ? 'none' : this.#tries.after(error, connection, this.#request.repeatable)
    this.#endTry(0, error.code)
    this.#request.detach()
    if (this.#responds) {
      this.#leaveGate()
      this.#owner.onResponseLost(error)
    } else if (next === 'fresh') this.#try(true)
    else if (next === 'later') this.#tryLater()
    else {
      this.#leaveGate()
      this.#owner.onCallFailed(error)
    }
  }

  #fail(code: ErrorCode): void {
    this.onFailed(new GatewayError(code, `${this.#tries.service?.name ?? ''} takes no request now`, 'upstream'))
  }

  /** @param askedMs the wait that the service asks for, if it does */
  #tryLater(askedMs: number | null = null): void {
    this.#metrics?.retry()
    this.#limits.backOff(this.#tries.postpone(askedMs))
  }

  #onAttemptTimeout(): void {
    this.#connection?.abort()
    this.onFailed(new GatewayError('upstream_timeout', 'no answer to this try in time', 'upstream', 'safe'))
  }

  // --- the response

  onHead(status: number, headers: Headers, bodyLength: number): void {
    const exchange = this.#exchange
    this.#metrics?.upstreamStatus(status, this.#tries.service?.name ?? '')
    if (status >= 400 && this.#tries.isRetryStatus(status, this.#request.repeatable)) {
      this.#discardResponse(status)
      return this.#tryLater()
    }
    const grpcStatus = this.#isGrpc && status === 200 ? grpcStatusOf(headers) : NO_GRPC_STATUS
    this.#status = grpcStatus === NO_GRPC_STATUS ? status : this.#countedStatus(grpcStatus)
    if (grpcStatus > 0 && bodyLength === 0) {
      const pushback = grpcPushbackOf(headers)
      if (this.#tries.isRetryGrpcStatus(grpcStatus, pushback, this.#request.repeatable)) {
        this.#discardResponse(this.#status)
        return this.#tryLater(pushback === 'never' ? null : pushback)
      }
    }
    this.#limits.end()
    this.#responds = true
    exchange.grpcStatus = grpcStatus
    const { current } = this.#tries
    if (current !== null) current.status = this.#status
    if (this.#isGrpc) this.#limits.beginResponse(GRPC_STREAM_MS)
    // A stream of events may last for hours: its head is all the breaker can wait for.
    else if (bodyLength === LENGTH_UNKNOWN && headers.get('Content-Type')?.startsWith('text/event-stream') === true)
      this.#tries.settle(status)
    this.#owner.onResponse(status, headers, bodyLength)
    // A stream must not hold for hours what was kept for another try.
    if (this.#isGrpc && exchange.downstream.headSent) this.#request.forget()
  }

  onData(bytes: Buffer, start: number, end: number): boolean {
    return this.#owner.onResponseData(bytes, start, end)
  }

  onEnd(trailers: Headers | null): void {
    const connection = this.#connection
    if (this.#isGrpc) this.#takeGrpcStatus(trailers)
    this.#endTry(this.#status, null)
    this.#leaveGate()
    if (!this.#exchange.downstream.headSent) {
      // The head has yet to be sent: another exchange's response on this connection would write over it.
      this.#detained = connection
      connection?.detain()
    }
    this.#owner.onResponseEnd(trailers)
  }

  /** A call of gRPC is answered with 200, and says at its end how it went. */
  #takeGrpcStatus(trailers: Headers | null): void {
    const grpcStatus = grpcStatusOf(trailers)
    if (grpcStatus === NO_GRPC_STATUS || this.#status !== 200) return
    this.#exchange.grpcStatus = grpcStatus
    this.#status = this.#countedStatus(grpcStatus)
  }

  #countedStatus(grpcStatus: number): number {
    return countedStatusOf(grpcStatus, this.#exchange.deadlineAt < Number.POSITIVE_INFINITY)
  }

  onError(error: GatewayError): void {
    this.onFailed(error)
  }

  flush(): void {
    this.#owner.flush()
  }

  onWritable(): void {
    this.#exchange.downstream.requestBody.resume()
  }

  onUpgraded(headers: Headers, openTunnel: () => TunnelEnd): void {
    this.#limits.end()
    this.#metrics?.upstreamStatus(101, this.#tries.service?.name ?? '')
    this.#tries.settle(101)
    this.#owner.onUpgraded(headers, openTunnel)
  }

  /** The response may flow again, or for the first time. */
  resume(): void {
    this.#connection?.resume()
  }

  /** Whether the rest of a response is still to come. */
  get isReading(): boolean {
    return this.#connection !== null
  }

  // --- the ends

  /** Of the answer that is there nothing more is wanted. Where its end is near, the connection is kept. */
  #discardResponse(status: number): void {
    const connection = this.#connection
    this.#endTry(status, null)
    connection?.discard()
    this.#request.detach()
  }

  /** As {@link drop}, for an answer that something else takes the place of. */
  discard(): void {
    this.#discardResponse(this.#status)
    this.#leaveGate()
  }

  /** Gives the call up: the service sees its connection closed. @param error null when it says nothing of the service */
  drop(error: ErrorCode | null): void {
    const connection = this.#connection
    this.#endTry(0, error)
    connection?.abort()
    this.#request.detach()
    this.#leaveGate()
  }

  /** The exchange has finished: no header of a response is needed any more, but by a step whose client left while it waited. */
  finish(): void {
    if (this.#connection !== null || this.#tries.current !== null) this.drop(null)
    this.#leaveGate()
    this.#limits.end()
    if (this.#exchange.downstream.headSent) this.#detained?.giveBack()
    else this.#detained?.abort()
    this.#detained = null
  }

  /** The connection is no longer this exchange's: it went back to its pool, or is closed. */
  #endTry(status: number, error: ErrorCode | null): void {
    this.#connection = null
    this.#limits.end()
    // Nobody can answer a request that is not there: slow clients must not open a breaker for all others.
    const isBlamed = error !== 'upstream_timeout' || !this.#request.awaitsClient
    this.#tries.end(status, error, isBlamed)
  }

  #leaveGate(): void {
    const gate = this.#gate
    this.#gate = null
    gate?.leave(this)
  }
}
