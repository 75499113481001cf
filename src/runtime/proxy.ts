import { findRoute, unanswered } from '../compile/find-route.ts'
import type { RoutePlan } from '../compile/plan.ts'
import type { RouteMatch } from '../compile/router.ts'
import type { Snapshot } from '../compile/snapshot.ts'
import type { Clock } from '../core/clock.ts'
import { type ErrorCode, GatewayError } from '../core/errors.ts'
import type { Attempt, Exchange, TunnelEnd } from '../core/exchange.ts'
import type { Headers } from '../core/headers.ts'
import type { Logger } from '../core/observe.ts'
import type { Outcome } from '../core/policy.ts'
import { type Reply, refuse } from '../core/reply.ts'
import { Deadline, type TimerWheel } from '../core/timers.ts'
import type { ClientConnection, UpstreamHandler } from '../http/h1/client-connection.ts'
import type { ExchangeHandler } from '../http/http.ts'
import type { RouteMetrics } from '../telemetry/gateway-metrics.ts'
import { HeldResponse } from './held-response.ts'
import { runSteps } from './phases.ts'
import { runBodySteps } from './request-body.ts'
import { type GatheringRoom, RequestRelay } from './request-relay.ts'
import { renderReply } from './respond.ts'
import { Tries } from './tries.ts'
import { upstreamRequest } from './upstream-request.ts'

/** How long a client's 100-continue waits for the service's, before the body is asked for anyway (RFC 9110, 10.1.1). */
const CONTINUE_TIMEOUT_MS = 1_000

/** What all exchanges of a worker share. */
export interface ProxyContext {
  /** The configuration that new exchanges get. */
  snapshot(): Snapshot
  metricsOf(plan: RoutePlan): RouteMetrics
  record(exchange: Exchange, outcome: Outcome): void
  readonly clock: Clock
  readonly wheel: TimerWheel
  readonly log: Logger
  /** For request bodies that policies look at as a whole. */
  readonly room: GatheringRoom
}

/**
 * A request's way, from its head to the end of its response. One for each client connection, used again for each of its requests.
 *
 * onRequest → route → request steps → try [pick target → connect → attempt steps → send] → onHead → upstream-response steps →
 * response steps → send head → onData … onEnd → onFinished. Refusals join at the response steps; every way ends in `#finish`, once.
 */
export class ExchangeProxy implements ExchangeHandler, UpstreamHandler {
  readonly #context: ProxyContext
  readonly #exchange: Exchange
  readonly #relay: RequestRelay
  readonly #tries: Tries
  readonly #held: HeldResponse
  #plan: RoutePlan | null = null
  #match: RouteMatch<RoutePlan> | null = null
  #serial = 0
  /** Stands for the snapshot of the last match: the whole one would live on for as long as an idle connection or a WebSocket. */
  #matchedIn: RoutePlan | null = null
  #finished = true
  #connection: ClientConnection | null = null
  /** Kept out of its pool for the headers of a whole response that waits. */
  #detained: ClientConnection | null = null
  #tunnel: TunnelEnd | null = null
  /** Waits of the moment: for the service's 100, for the next try. */
  #waiting: 'none' | 'backoff' | 'attempt' = 'none'
  /** All tries together; then each silence of the response body. */
  readonly #deadline = new Deadline(() => this.#onTimeout())
  readonly #attemptDeadline = new Deadline(() => this.#onAttemptTimeout())
  /** Beside the attempt's own: a service that says nothing to `Expect` must not escape that one. */
  readonly #continueDeadline = new Deadline(() => this.#continue())

  // Bound once: a closure for each request would cost more than the step it continues.
  readonly #afterIdentitySteps = (reply: Reply | null): void => this.#onIdentified(reply)
  readonly #afterRequestSteps = (reply: Reply | null): void => this.#onRouted(reply)
  readonly #afterBodySteps = (reply: Reply | null): void => this.#onBodyPassed(reply)
  readonly #afterUpstreamSteps = (reply: Reply | null): void => this.#onUpstreamResponse(reply)
  readonly #afterResponseSteps = (_reply: Reply | null): void => this.#sendResponse()
  readonly #reportFault = (policy: string, error: unknown): void => {
    this.#context.log.error({ policy, requestId: this.#exchange.requestId, err: error }, 'a policy failed')
  }

  constructor(exchange: Exchange, context: ProxyContext) {
    this.#exchange = exchange
    this.#context = context
    this.#relay = new RequestRelay(exchange, context.room, (error) => this.#onRequestBroken(error))
    this.#tries = new Tries(exchange, context.clock)
    this.#held = new HeldResponse(exchange)
  }

  // --- the request

  onRequest(): void {
    const exchange = this.#exchange
    const { request, forward } = exchange
    const snapshot = this.#context.snapshot()
    this.#begin()
    // Routing looks at nothing but the head: the same head in the same configuration takes the same way.
    const isKnown = this.#serial === request.serial && this.#matchedIn === snapshot.unmatched
    const match = this.#match !== null && isKnown ? this.#match : findRoute(snapshot, request)
    this.#match = match
    this.#serial = request.serial
    this.#matchedIn = snapshot.unmatched
    const plan = match.kind === 'found' ? match.value : snapshot.unmatched
    this.#plan = plan
    exchange.route = plan
    if (match.kind === 'found') exchange.params = match.params
    forward.path = request.path
    forward.query = request.query
    runSteps(plan.steps.identity, 0, exchange, this.#reportFault, this.#afterIdentitySteps)
  }

  /** Who calls is known as far as it will be: a consumer's own policies count from here on. */
  #onIdentified(reply: Reply | null): void {
    if (this.#finished) return
    if (reply !== null) return this.#answer(reply)
    const exchange = this.#exchange
    let plan = this.#plan as RoutePlan
    const { consumer } = exchange.caller
    if (consumer !== null) {
      plan = plan.forConsumer(consumer)
      this.#plan = plan
      exchange.route = plan
    }
    runSteps(plan.steps.request, 0, exchange, this.#reportFault, this.#afterRequestSteps)
  }

  onRefused(code: ErrorCode): void {
    this.#begin()
    this.#plan = this.#context.snapshot().unmatched
    this.#exchange.route = this.#plan
    const refusal = refuse(code)
    // The steps give the refusal its request id; what they make of a request that is none does not count.
    runSteps(this.#plan.steps.arrival, 0, this.#exchange, this.#reportFault, () => this.#answer(refusal))
  }

  #begin(): void {
    this.#finished = false
    this.#plan = null
    this.#connection = null
    this.#tunnel = null
    this.#relay.reset()
    this.#held.reset()
  }

  #onRouted(reply: Reply | null): void {
    if (this.#finished) return
    const plan = this.#plan as RoutePlan
    if (reply !== null) return this.#answer(reply)
    if (plan.service === null || plan.ir === null) return this.#answer(unanswered(this.#match, plan))
    if (this.#relay.length > this.#exchange.requestBodyBytesMax) return this.#answer(refuse('request_body_too_large'))
    if (plan.steps.body.length > 0 && this.#relay.length !== 0)
      runBodySteps(plan.steps.body, this.#exchange, this.#relay, this.#reportFault, this.#afterBodySteps)
    else this.#startTries()
  }

  #onBodyPassed(reply: Reply | null): void {
    if (this.#finished) return
    if (reply !== null) this.#answer(reply)
    else this.#startTries()
  }

  #startTries(): void {
    const plan = this.#plan as RoutePlan
    if (plan.ir === null) return
    this.#tries.begin(plan)
    this.#context.wheel.set(this.#deadline, plan.ir.timeoutMs)
    this.#try(false)
  }

  // --- the tries

  /** @param fresh asks for a new connection. */
  #try(fresh: boolean): void {
    const connection = this.#tries.start(this, fresh)
    if (connection instanceof GatewayError) return this.onFailed(connection)
    const route = this.#plan?.ir
    if (route != null && route.attemptTimeoutMs < route.timeoutMs) this.#wait('attempt', route.attemptTimeoutMs)
    this.#connection = connection
    if (connection.idle) this.onConnected(connection)
  }

  onConnected(connection: ClientConnection): void {
    const exchange = this.#exchange
    const plan = this.#plan as RoutePlan
    const { request } = exchange
    const mark = plan.steps.attempt.length > 0 ? request.headers.mark() : null
    for (const step of plan.steps.attempt) if (!step.shadow) step.run(exchange, this.#tries.current as Attempt)
    const { length } = this.#relay
    connection.send(upstreamRequest(exchange, plan, this.#tries.targetLabel, length))
    if (mark !== null) request.headers.restore(mark)
    if (length === 0) return
    if (request.expectsContinue && !this.#relay.started) {
      connection.requestBody.flush()
      this.#context.wheel.set(this.#continueDeadline, CONTINUE_TIMEOUT_MS)
      return
    }
    this.#sendBody(connection)
  }

  #sendBody(connection: ClientConnection): void {
    this.#relay.attach(connection, this.#tries.bodyBytesToKeep(connection))
  }

  onInformational(status: number, headers: Headers): void {
    this.#exchange.downstream.sendInformational(status, headers)
    if (status === 100) this.#continue()
  }

  /** The service asked for the body, or said nothing for long enough. */
  #continue(): void {
    this.#context.wheel.clear(this.#continueDeadline)
    const connection = this.#connection
    if (connection !== null && this.#relay.length !== 0 && !this.#relay.started) this.#sendBody(connection)
  }

  onFailed(error: GatewayError): void {
    const connection = this.#connection
    this.#endAttempt(0, error.code)
    this.#relay.detach()
    if (this.#finished) return
    if (this.#exchange.downstream.headSent || this.#held.holds) return this.#breakResponse(error)
    const next = this.#tries.after(error, connection, this.#relay.repeatable)
    if (next === 'fresh') this.#try(true)
    else if (next === 'later') this.#tryLater()
    else this.#giveUp(error)
  }

  #tryLater(): void {
    this.#context.metricsOf(this.#plan as RoutePlan).retry()
    this.#wait('backoff', this.#tries.postpone())
  }

  // --- the response

  onHead(status: number, headers: Headers, bodyLength: number): void {
    const plan = this.#plan as RoutePlan
    const { response } = this.#exchange
    this.#context.metricsOf(plan).upstreamStatus(status)
    if (this.#tries.isRetryStatus(status, this.#relay.repeatable)) {
      this.#connection?.abort()
      this.#endAttempt(status, null)
      this.#relay.detach()
      return this.#tryLater()
    }
    this.#stopWaiting()
    this.#context.wheel.clear(this.#deadline)
    response.status = status
    response.headers = headers
    response.bodyLength = bodyLength
    this.#held.hold()
    runSteps(plan.steps.upstreamResponse, 0, this.#exchange, this.#reportFault, this.#afterUpstreamSteps)
  }

  #onUpstreamResponse(reply: Reply | null): void {
    if (this.#finished) return
    if (reply !== null) {
      this.#dropConnection()
      return this.#answer(reply)
    }
    runSteps((this.#plan as RoutePlan).steps.response, 0, this.#exchange, this.#reportFault, this.#afterResponseSteps)
  }

  /** Answers from the gateway itself. Response steps run here too: CORS and security headers belong on refusals as well. */
  #answer(reply: Reply): void {
    const exchange = this.#exchange
    exchange.response.headers = exchange.ownHeaders
    this.#held.hold(renderReply(exchange, reply))
    runSteps((this.#plan as RoutePlan).steps.response, 0, exchange, this.#reportFault, this.#afterResponseSteps)
  }

  #sendResponse(): void {
    if (this.#finished) return
    this.#context.wheel.clear(this.#deadline)
    this.#exchange.downstream.sendHead(this.#exchange)
    this.#held.release()
    if (this.#finished || this.#connection === null) return
    this.#connection.resume()
    this.#context.wheel.set(this.#deadline, this.#streamIdleTimeoutMs)
  }

  get #streamIdleTimeoutMs(): number {
    return this.#plan?.ir?.streamIdleTimeoutMs ?? 60_000
  }

  onData(bytes: Buffer, start: number, end: number): boolean {
    if (this.#held.holds) return this.#held.onData(bytes, start, end)
    const more = this.#exchange.downstream.responseBody.onData(bytes, start, end)
    // While the client does not read, silence is not the service's.
    if (more) this.#context.wheel.set(this.#deadline, this.#streamIdleTimeoutMs)
    else this.#context.wheel.clear(this.#deadline)
    return more
  }

  onEnd(trailers: Headers | null): void {
    this.#context.wheel.clear(this.#deadline)
    const connection = this.#connection
    this.#endAttempt(this.#exchange.response.status, null)
    if (!this.#held.holds) {
      this.#exchange.downstream.responseBody.onEnd(trailers)
      return
    }
    this.#held.onEnd(trailers)
    // The head has yet to be sent: another exchange's response on this connection would write over it.
    this.#detained = connection
    connection?.detain()
  }

  onError(error: GatewayError): void {
    this.onFailed(error)
  }

  flush(): void {
    if (!this.#finished && !this.#held.holds && this.#exchange.downstream.headSent) this.#exchange.downstream.responseBody.flush()
  }

  onDrain(): void {
    this.#connection?.resume()
  }

  onWritable(): void {
    this.#exchange.downstream.requestBody.resume()
  }

  onUpgraded(headers: Headers, openTunnel: () => TunnelEnd): void {
    const exchange = this.#exchange
    this.#stopWaiting()
    this.#context.wheel.clear(this.#deadline)
    this.#context.metricsOf(this.#plan as RoutePlan).upstreamStatus(101)
    exchange.response.status = 101
    exchange.response.headers = headers
    runSteps((this.#plan as RoutePlan).steps.response, 0, exchange, this.#reportFault, () => {
      const service = openTunnel()
      if (this.#finished) return service.destroy()
      const client = exchange.downstream.openTunnel(exchange)
      this.#tunnel = service
      client.join(service)
      service.join(client)
    })
  }

  // --- the ends

  /** No further try: says why. */
  #giveUp(error: GatewayError): void {
    if (this.#finished) return
    this.#answer(refuse(error.code))
  }

  /** The response has begun and cannot be finished. */
  #breakResponse(error: GatewayError): void {
    this.#exchange.error = error.code
    this.#held.reset()
    this.#exchange.downstream.responseBody.onError(error)
  }

  #onRequestBroken(error: GatewayError): void {
    if (this.#finished) return
    this.#dropConnection()
    if (error.code === 'client_closed') return
    if (this.#exchange.downstream.headSent) this.#breakResponse(error)
    else this.#answer(refuse(error.code))
  }

  #onTimeout(): void {
    if (this.#finished) return
    this.#dropConnection('upstream_timeout')
    const error = new GatewayError('upstream_timeout', 'no answer in time', 'upstream')
    if (this.#exchange.downstream.headSent) this.#breakResponse(error)
    else this.#giveUp(error)
  }

  #onAttemptTimeout(): void {
    const waiting = this.#waiting
    this.#waiting = 'none'
    if (this.#finished) return
    if (waiting === 'backoff') this.#try(false)
    else if (waiting === 'attempt') {
      this.#connection?.abort()
      this.onFailed(new GatewayError('upstream_timeout', 'no answer to this try in time', 'upstream', 'safe'))
    }
  }

  #wait(reason: 'backoff' | 'attempt', delayMs: number): void {
    this.#waiting = reason
    this.#context.wheel.set(this.#attemptDeadline, delayMs)
  }

  #stopWaiting(): void {
    this.#context.wheel.clear(this.#continueDeadline)
    if (this.#waiting === 'none') return
    this.#waiting = 'none'
    this.#context.wheel.clear(this.#attemptDeadline)
  }

  /** The connection is no longer this exchange's: it went back to its pool, or is closed. */
  #endAttempt(status: number, error: ErrorCode | null): void {
    this.#connection = null
    this.#stopWaiting()
    this.#tries.end(status, error)
  }

  #dropConnection(error: ErrorCode | null = null): void {
    this.#connection?.abort()
    this.#endAttempt(0, error)
    this.#relay.detach()
    this.#context.wheel.clear(this.#deadline)
  }

  onAborted(error: GatewayError): void {
    this.#exchange.error ??= error.code
    this.#dropConnection(this.#exchange.error)
    this.#tunnel?.destroy()
    this.#finish(this.#exchange.downstream.headSent ? this.#exchange.response.status : 0)
  }

  onFinished(): void {
    if (this.#connection !== null || this.#tries.current !== null) this.#dropConnection()
    this.#finish(this.#exchange.response.status)
  }

  #finish(status: number): void {
    if (this.#finished) return
    this.#finished = true
    this.#exchange.ended = true
    this.#detained?.giveBack()
    this.#detained = null
    this.#relay.release()
    this.#stopWaiting()
    this.#context.wheel.clear(this.#deadline)
    const exchange = this.#exchange
    const plan = this.#plan as RoutePlan
    const outcome: Outcome = { status, error: exchange.error, durationMs: this.#context.clock.now() - exchange.startedAt }
    this.#context.metricsOf(plan).finish(exchange.request.method, status, outcome.durationMs, outcome.error)
    for (const step of plan.steps.finish) {
      try {
        step(exchange, outcome)
      } catch (error) {
        this.#reportFault('(finish)', error)
      }
    }
    this.#context.record(exchange, outcome)
  }
}
