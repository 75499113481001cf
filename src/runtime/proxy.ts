import { unanswered } from '../compile/find-route.ts'
import type { RoutePlan } from '../compile/plan.ts'
import type { DecisionTrace } from '../core/decision-trace.ts'
import { type ErrorCode, GatewayError } from '../core/errors.ts'
import type { Exchange, TunnelEnd } from '../core/exchange.ts'
import type { Headers } from '../core/headers.ts'
import type { Outcome } from '../core/policy.ts'
import { type Reply, refuse } from '../core/reply.ts'
import { Deadline } from '../core/timers.ts'
import type { ExchangeHandler } from '../http/http.ts'
import type { Service } from '../upstream/service.ts'
import { CallDeadline } from './call-deadline.ts'
import type { DetachedHandler } from './detached.ts'
import { FailOver, markDivision } from './fail-over.ts'
import { grpcStatusSeen } from './grpc-answer.ts'
import { listenerReply } from './listener-rules.ts'
import { runFinishSteps, runSteps } from './phases.ts'
import type { ProxyContext } from './proxy-context.ts'
import { runBodySteps } from './request-body.ts'
import { RequestRelay } from './request-relay.ts'
import { renderReply } from './respond.ts'
import { runResponseBodySteps } from './response-body.ts'
import { ResponseRelay } from './response-relay.ts'
import { RouteMemo } from './route-memo.ts'
import { ServiceCall, type ServiceCallOwner } from './service-call.ts'
import { tunnelBounds, upgradeReply } from './upgrade-rules.ts'

/**
 * A request's way, from its head to the end of its response. One for each client connection, used again for each of its requests.
 *
 * onRequest → route → request steps → body steps → service call [place → tries] → onResponse → upstream-response steps → response-body
 * steps → store steps → response steps → send head → data … end → onFinished. Where the service fails, what the route falls back to takes
 * its place. Refusals join at the response steps; every way ends in `#finish`, once.
 */
export class ExchangeProxy implements ExchangeHandler, ServiceCallOwner, DetachedHandler {
  readonly #context: ProxyContext
  readonly #exchange: Exchange
  readonly #request: RequestRelay
  readonly #response: ResponseRelay
  readonly #call: ServiceCall
  readonly #failOver: FailOver
  readonly #memo = new RouteMemo()
  #plan: RoutePlan | null = null
  #finished = true
  /** The gateway answers by itself; what the service does counts no more. */
  #answers = false
  /** The service's response broke off while a step was at it. */
  #lost: GatewayError | null = null
  #tunnel: TunnelEnd | null = null
  /** Used again for each exchange. */
  #trace: DecisionTrace | null = null
  /** No client waits: the name of the policy that does, or empty for nobody. */
  #detachedFor: string | null = null
  /** All tries at a service together; then each silence of the response body. Where no client waits, all of it. */
  readonly #deadline = new Deadline(() => this.#onTimeout())
  readonly #callDeadline: CallDeadline

  // Bound once: a closure for each request would cost more than the step it continues.
  readonly #afterIdentitySteps = (reply: Reply | null): void => this.#onIdentified(reply)
  readonly #afterRequestSteps = (reply: Reply | null): void => this.#onRouted(reply)
  readonly #afterBodySteps = (reply: Reply | null): void => this.#onBodyPassed(reply)
  readonly #afterUpstreamSteps = (reply: Reply | null): void => this.#onUpstreamResponse(reply)
  readonly #afterResponseBodySteps = (reply: Reply | null): void => this.#onResponseBody(reply)
  readonly #afterStoreSteps = (reply: Reply | null): void => this.#onStored(reply)
  readonly #afterResponseSteps = (_reply: Reply | null): void => this.#sendResponse()
  readonly #resumeResponse = (): void => this.#call.resume()
  readonly #reportFault = (policy: string, error: unknown): void => {
    this.#context.log.error({ policy, requestId: this.#exchange.requestId, err: error }, 'a policy failed')
  }

  constructor(exchange: Exchange, context: ProxyContext) {
    this.#exchange = exchange
    this.#context = context
    this.#request = new RequestRelay(exchange, context.room, (error) => this.#onRequestBroken(error))
    exchange.earlyBody = {
      read: (bytesMax) => new Promise((resolve) => this.#request.gather(bytesMax, resolve)),
      replace: (body) => this.#request.replace(body),
    }
    this.#response = new ResponseRelay(exchange, context.room, (error) => this.#onFilterFault(error))
    this.#call = new ServiceCall(exchange, this.#request, context, this)
    this.#failOver = new FailOver(exchange)
    this.#callDeadline = new CallDeadline(exchange, context, () => this.#onDeadline())
  }

  // --- the request

  onRequest(): void {
    const exchange = this.#exchange
    const { request, forward } = exchange
    const snapshot = this.#context.snapshot()
    const match = this.#memo.find(snapshot, request)
    exchange.rpc = this.#memo.rpc
    const own = listenerReply(exchange)
    if (own !== null) return this.#answerArrival(own)
    this.#begin()
    this.#context.onBegin(exchange)
    exchange.detacher = this.#context.detached
    const plan = match.kind === 'found' ? match.value : snapshot.unmatched
    this.#plan = plan
    exchange.route = plan
    if (match.kind === 'found') {
      exchange.params = match.params
      exchange.pathPattern = match.pattern
    }
    forward.path = request.path
    forward.query = request.query
    const refusal = plan.admission === null ? null : plan.admission(exchange)
    if (refusal !== null) return this.#answerUnadmitted(plan, refusal)
    runSteps(plan.steps.identity, 0, exchange, this.#reportFault, this.#afterIdentitySteps)
  }

  /** Who calls is known as far as it will be: a split chooses, and a consumer's own policies count from here on. */
  #onIdentified(reply: Reply | null): void {
    if (this.#finished) return
    if (reply !== null) return this.#answer(reply)
    const exchange = this.#exchange
    let plan = this.#plan as RoutePlan
    const { consumer } = exchange.caller
    if (plan.split !== null || consumer !== null) {
      if (plan.split !== null) plan = plan.split.choose(exchange)
      if (consumer !== null) plan = plan.forConsumer(consumer)
      this.#plan = plan
      exchange.route = plan
    }
    runSteps(plan.steps.request, 0, exchange, this.#reportFault, this.#afterRequestSteps)
  }

  onRefused(code: ErrorCode): void {
    this.#answerArrival(refuse(code))
  }

  /** Answers what no route is looked for. The steps give it its request id; what they make of a request that may be none does not count. */
  #answerArrival(reply: Reply): void {
    this.#begin()
    this.#context.onBegin(this.#exchange)
    this.#plan = this.#context.snapshot().unmatched
    this.#exchange.route = this.#plan
    this.#answerUnadmitted(this.#plan, reply)
  }

  /** No policy acts, but for those that mark whatever comes. */
  #answerUnadmitted(plan: RoutePlan, reply: Reply): void {
    runSteps(plan.steps.arrival, 0, this.#exchange, this.#reportFault, () => this.#answer(reply))
  }

  startDetached(plan: RoutePlan, from: number, policy: string): void {
    this.#begin()
    this.#detachedFor = policy
    this.#exchange.trace = null
    this.#plan = plan
    this.#exchange.route = plan
    runSteps(plan.steps.request, from, this.#exchange, this.#reportFault, this.#afterRequestSteps)
  }

  #begin(): void {
    this.#finished = false
    this.#plan = null
    this.#answers = false
    this.#lost = null
    this.#tunnel = null
    this.#trace = this.#context.decisions.begin(this.#exchange, this.#trace)
    this.#exchange.trace = this.#trace
    this.#request.reset()
    this.#response.reset()
    this.#call.reset()
  }

  #onRouted(reply: Reply | null): void {
    if (this.#finished) return
    const plan = this.#plan as RoutePlan
    if (reply !== null) return this.#answer(reply)
    if (plan.service === null || plan.ir === null) return this.#answer(unanswered(this.#memo.match, plan))
    if (this.#exchange.rpc !== 'none' && !this.#callDeadline.read())
      return this.#answer(refuse('request_malformed', 'Malformed grpc-timeout'))
    const refused = upgradeReply(this.#exchange, plan)
    if (refused !== null) return this.#answer(refused)
    if (this.#request.length > this.#exchange.requestBodyBytesMax) return this.#answer(refuse('request_body_too_large'))
    if (plan.steps.body.length > 0 && this.#request.length !== 0)
      runBodySteps(plan.steps.body, this.#exchange, this.#request, this.#reportFault, this.#afterBodySteps)
    else this.#onBodyPassed(null)
  }

  #onBodyPassed(reply: Reply | null): void {
    if (this.#finished) return
    if (reply !== null) return this.#answer(reply)
    const plan = this.#plan as RoutePlan
    const { mirror, service } = plan
    if (this.#exchange.requestBody !== null) this.#request.give(this.#exchange.requestBody)
    const { detached } = this.#context
    if (mirror !== null && detached.mayMirror(mirror, this.#request.length))
      this.#request.copy(mirror.ir.bodyBytesMax, (body) => detached.mirror(this.#exchange, mirror, body))
    this.#failOver.begin(plan)
    if (service !== null) this.#ask(service)
  }

  #ask(service: Service): void {
    const plan = this.#plan as RoutePlan
    if (!this.#callDeadline.start()) return this.#answer(refuse('deadline_exceeded'))
    this.#context.wheel.set(this.#deadline, plan.ir?.timeoutMs ?? 0)
    this.#call.begin(plan, service, this.#context.metricsOf(plan))
  }

  // --- the response

  onResponse(status: number, headers: Headers, bodyLength: number): void {
    const { steps } = this.#plan as RoutePlan
    const { response } = this.#exchange
    if (this.#detachedFor === null && this.#failOver.replaces(status, this.#call.mayRepeat)) {
      this.#call.discard()
      return this.#fallBack(null)
    }
    // With steps that want the whole body, the head is not there for the client before its end is; and nobody waits for what is detached.
    if (steps.responseBody.length === 0 && this.#detachedFor === null) this.#context.wheel.clear(this.#deadline)
    response.status = status
    response.headers = headers
    response.bodyLength = bodyLength
    // Another service's response, which broke off, may have had one.
    this.#exchange.responseFilter = null
    this.#response.hold()
    runSteps(steps.upstreamResponse, 0, this.#exchange, this.#reportFault, this.#afterUpstreamSteps)
  }

  #onUpstreamResponse(reply: Reply | null): void {
    const { steps } = this.#plan as RoutePlan
    if (this.#finished || this.#endsHere(reply)) return
    if (this.#exchange.responseFilter !== null) {
      this.#response.filter()
      if (this.#endsHere(null)) return
    }
    if (steps.responseBody.length === 0) this.#onResponseBody(null)
    else
      runResponseBodySteps(
        steps.responseBody,
        this.#exchange,
        this.#response,
        this.#reportFault,
        this.#resumeResponse,
        this.#afterResponseBodySteps,
      )
  }

  /** What the service sends is no body of the protocol that a filter translates. */
  #onFilterFault(error: unknown): void {
    const isOurs = !(error instanceof GatewayError)
    if (isOurs) this.#reportFault('a body filter', error)
    const known = isOurs ? new GatewayError('internal_error', 'a body filter failed', 'internal') : error
    this.#call.drop(known.code)
    this.onResponseLost(known)
  }

  #onResponseBody(reply: Reply | null): void {
    if (this.#finished || this.#endsHere(reply)) return
    runSteps((this.#plan as RoutePlan).steps.store, 0, this.#exchange, this.#reportFault, this.#afterStoreSteps)
  }

  #onStored(reply: Reply | null): void {
    if (this.#finished || this.#endsHere(reply)) return
    this.#runResponseSteps()
  }

  /** Whether the service's response goes no further: a step answers in its place, or it broke off meanwhile. */
  #endsHere(reply: Reply | null): boolean {
    const lost = this.#lost
    this.#lost = null
    if (reply === null && lost === null) return false
    this.#response.abort()
    if (lost !== null && reply === null) {
      this.onCallFailed(lost)
      return true
    }
    if (this.#call.isReading) this.#call.discard()
    if (reply !== null) this.#answer(reply)
    return true
  }

  /** Answers from the gateway itself. Response steps run here too: CORS and security headers belong on refusals as well. */
  #answer(reply: Reply): void {
    const exchange = this.#exchange
    this.#context.wheel.clear(this.#deadline)
    this.#answers = true
    exchange.response.headers = exchange.ownHeaders
    this.#response.hold(renderReply(exchange, reply, this.#plan?.compatibility))
    this.#runResponseSteps()
  }

  #runResponseSteps(): void {
    const exchange = this.#exchange
    if (this.#detachedFor !== null) return this.#sendResponse()
    markDivision(exchange)
    runSteps((this.#plan as RoutePlan).steps.response, 0, exchange, this.#reportFault, this.#afterResponseSteps)
  }

  #sendResponse(): void {
    if (this.#finished) return
    if (this.#detachedFor === null) this.#context.wheel.clear(this.#deadline)
    if (this.#lost !== null) return this.#breakOff(this.#lost)
    if (this.#trace?.isWanted === true) this.#context.decisions.attach(this.#exchange, this.#plan as RoutePlan)
    this.#context.onHead(this.#exchange)
    this.#exchange.downstream.sendHead(this.#exchange)
    this.#response.release()
    if (this.#finished || !this.#call.isReading) return
    this.#call.resume()
    if (this.#detachedFor === null) this.#context.wheel.set(this.#deadline, this.#streamIdleTimeoutMs)
  }

  get #streamIdleTimeoutMs(): number {
    return this.#plan?.ir?.streamIdleTimeoutMs ?? 60_000
  }

  onResponseData(bytes: Buffer, start: number, end: number): boolean {
    const { holds } = this.#response
    const more = this.#response.onData(bytes, start, end)
    if (this.#finished || holds || this.#detachedFor !== null) return more
    // While the client does not read, silence is not the service's.
    if (more) this.#context.wheel.set(this.#deadline, this.#streamIdleTimeoutMs)
    else this.#context.wheel.clear(this.#deadline)
    return more
  }

  onResponseEnd(trailers: Headers | null): void {
    this.#context.wheel.clear(this.#deadline)
    this.#callDeadline.clear()
    this.#response.onEnd(trailers)
  }

  flush(): void {
    if (!this.#finished && !this.#response.holds && this.#exchange.downstream.headSent) this.#exchange.downstream.responseBody.flush()
  }

  onDrain(): void {
    this.#call.resume()
  }

  onUpgraded(headers: Headers, openTunnel: () => TunnelEnd): void {
    const exchange = this.#exchange
    const plan = this.#plan as RoutePlan
    this.#context.wheel.clear(this.#deadline)
    exchange.response.status = 101
    exchange.response.headers = headers
    markDivision(exchange)
    runSteps(plan.steps.response, 0, exchange, this.#reportFault, () => {
      const service = openTunnel()
      if (this.#finished) return service.destroy()
      this.#context.onHead(exchange)
      const client = exchange.downstream.openTunnel(exchange, tunnelBounds(plan))
      this.#tunnel = service
      client.join(service)
      service.join(client)
    })
  }

  // --- failures

  /** No further try: what the route falls back to takes the place of the service, or the client is told why there is no answer. */
  onCallFailed(error: GatewayError): void {
    if (this.#finished) return
    // What takes the place of a service is nothing to one whose request is broken.
    if (error.origin === 'downstream') this.#answer(refuse(error.code))
    else this.#fallBack(error.code)
  }

  /** @param cause null when it was the status of the answer, which {@link FailOver.replaces} has found something for */
  #fallBack(cause: ErrorCode | null): void {
    const exchange = this.#exchange
    const plan = this.#plan as RoutePlan
    const retryAfterMs = cause === 'circuit_open' ? this.#call.retryAfterMs : 0
    exchange.error = cause
    const next = this.#detachedFor === null ? this.#failOver.next(this.#call.mayRepeat) : null
    if (next !== null) this.#context.metricsOf(plan).fallback(exchange.fallback ?? '')
    if (next === 'service' && plan.fallback?.service != null) {
      exchange.error = null
      return this.#ask(plan.fallback.service)
    }
    if (next !== null && next !== 'service') return this.#answer(next)
    const headers: Reply['headers'] = retryAfterMs > 0 ? [['Retry-After', String(Math.ceil(retryAfterMs / 1000))]] : []
    this.#answer(refuse(cause ?? 'internal_error', null, headers))
  }

  onResponseLost(error: GatewayError): void {
    if (this.#finished || this.#answers) return
    if (this.#exchange.downstream.headSent) return this.#breakOff(error)
    // Nothing of it has gone out, so that another answer can still be given: at once, or when the step that is at it has ended.
    if (!this.#response.gathers) this.#lost = error
    else {
      this.#response.abort()
      this.#response.reset()
      this.onCallFailed(error)
    }
  }

  /** The client has been given a part, and is shown that it is not the whole. */
  #breakOff(error: GatewayError): void {
    this.#exchange.error = error.code
    this.#response.abort()
    this.#response.reset()
    this.#exchange.downstream.responseBody.onError(error)
  }

  /** What the client sends of its body is no message. */
  #onRequestBroken(error: GatewayError): void {
    if (this.#finished || this.#answers) return
    const responds = this.#responds
    this.#call.drop(null)
    if (error.code === 'client_closed') return
    if (responds) this.onResponseLost(error)
    else this.#answer(refuse(error.code))
  }

  #onTimeout(): void {
    const code = this.#call.waitsForPlace ? 'service_queue_timeout' : 'upstream_timeout'
    // A detached exchange is bounded as a whole: a response that lasts longer is no fault of the service's.
    const blame = this.#responds && this.#detachedFor !== null ? null : 'upstream_timeout'
    this.#giveUp(new GatewayError(code, 'no answer in time', 'upstream'), blame)
  }

  /** The client of a gRPC call waits no longer. It may have set any time, so that the service is not blamed. */
  #onDeadline(): void {
    this.#giveUp(new GatewayError('deadline_exceeded', "the client's deadline is over", 'downstream'), 'deadline_exceeded')
  }

  #giveUp(error: GatewayError, blame: ErrorCode | null): void {
    if (this.#finished || this.#answers) return
    const responds = this.#responds
    this.#call.drop(blame)
    if (responds) this.onResponseLost(error)
    else this.onCallFailed(error)
  }

  /** Whether there is a response, of which the client may have been given a part. */
  get #responds(): boolean {
    return this.#response.holds || this.#exchange.downstream.headSent
  }

  // --- the ends

  onAborted(error: GatewayError): void {
    this.#exchange.error ??= error.code
    this.#call.drop(this.#exchange.error)
    this.#tunnel?.destroy()
    this.#finish(this.#exchange.downstream.headSent ? this.#exchange.response.status : 0)
  }

  onFinished(): void {
    this.#finish(this.#exchange.response.status)
  }

  #finish(status: number): void {
    if (this.#finished) return
    this.#finished = true
    this.#exchange.ended = true
    this.#context.wheel.clear(this.#deadline)
    this.#callDeadline.clear()
    this.#call.finish()
    this.#response.abort()
    this.#response.reset()
    this.#request.release()
    const exchange = this.#exchange
    const plan = this.#plan as RoutePlan
    const outcome: Outcome = { status, error: exchange.error, durationMs: this.#context.clock.now() - exchange.startedAt }
    runFinishSteps(plan.steps.finish, this.#detachedFor, exchange, outcome, this.#reportFault)
    if (this.#detachedFor !== null) return this.#context.recordDetached(exchange, outcome)
    const metrics = this.#context.metricsOf(plan)
    metrics.finish(exchange.request.method, status, outcome.durationMs, outcome.error)
    if (exchange.rpc !== 'none') metrics.grpcStatus(grpcStatusSeen(exchange, status))
    this.#context.record(exchange, plan, outcome)
  }
}
