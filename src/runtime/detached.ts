import type { MirrorPlan } from '../compile/division.ts'
import type { RoutePlan } from '../compile/plan.ts'
import type { BodySink, BodySource } from '../core/body.ts'
import type { Clock } from '../core/clock.ts'
import { GatewayError } from '../core/errors.ts'
import { type Detacher, type Downstream, Exchange, type TunnelEnd } from '../core/exchange.ts'
import type { Counter, Metrics } from '../core/observe.ts'
import { policyKind } from '../core/policy-name.ts'

/** Exchanges for a cache that one worker has under way without a client. */
const REFETCHES_MAX = 100

/** What drives a detached exchange. */
export interface DetachedHandler {
  /** @param from index of the request step to begin with. @param policy the one whose finish step runs at the end; empty for none */
  startDetached(plan: RoutePlan, from: number, policy: string): void
  onAborted(error: GatewayError): void
  onFinished(): void
}

/** Told of an exchange that no client waits for, and of the one it was made of, before it begins. */
export type DetachedListener = (exchange: Exchange, source: Exchange, what: 'mirror' | 'refetch') => void

/** Starts and counts exchanges that no client waits for: those that bring a cache up to date, and the copies of mirrors. */
export class DetachedExchanges implements Detacher {
  readonly #createHandler: (exchange: Exchange) => DetachedHandler
  readonly #metrics: Metrics
  readonly #clock: Clock
  readonly #onBegin: DetachedListener
  #refetches = 0
  readonly #running = new Set<DetachedHandler>()
  /** By the service of the mirror. */
  readonly #mirrors = new Map<string, MirrorCount>()

  constructor(createHandler: (exchange: Exchange) => DetachedHandler, metrics: Metrics, clock: Clock, onBegin: DetachedListener) {
    this.#createHandler = createHandler
    this.#metrics = metrics
    this.#clock = clock
    this.#onBegin = onBegin
  }

  detach(source: Exchange, policy: string, prepare: (detached: Exchange) => void): boolean {
    const plan = source.route
    if (!isPlan(plan) || source.downstream.requestBody.length !== 0 || this.#refetches >= REFETCHES_MAX) return false
    const from = plan.steps.request.findIndex((step) => policyKind(step.policy) === policy)
    this.#refetches++
    const { exchange, handler } = this.#copy(source, EMPTY, () => this.#refetches--)
    this.#onBegin(exchange, source, 'refetch')
    prepare(exchange)
    handler.startDetached(plan, from + 1, plan.steps.request[from]?.policy ?? policy)
    return true
  }

  /** Whether a copy of an exchange is to be made for this mirror now. A place is taken for it then, and {@link mirror} must follow. */
  mayMirror({ ir }: MirrorPlan, bodyLength: number): boolean {
    const { percent } = ir
    if (percent < 100 && this.#clock.random() * 100 >= percent) return false
    const count = this.#countOf(ir.service)
    const obstacle = bodyLength > ir.bodyBytesMax ? 'body' : count.underWay >= ir.inFlightMax ? 'in_flight_max' : null
    if (obstacle === null) count.underWay++
    else count.skip(obstacle)
    return obstacle === null
  }

  /** Sends a copy of what the service is sent. @param body null when it turned out too large, or broke off */
  mirror(source: Exchange, { ir, plan }: MirrorPlan, body: Buffer | null): void {
    const count = this.#countOf(ir.service)
    if (body === null) {
      count.underWay--
      return count.skip('body')
    }
    const { exchange, handler } = this.#copy(source, body, () => {
      count.underWay--
      count.end(exchange.error === null ? 'answered' : 'failed')
    })
    this.#onBegin(exchange, source, 'mirror')
    exchange.request.headers.set('Turnpike-Mirror', 'true')
    handler.startDetached(plan, 0, '')
  }

  /** Ends all that are under way: the gateway goes. */
  close(): void {
    for (const handler of this.#running) handler.onAborted(new GatewayError('gateway_shutting_down', 'the gateway ends', 'internal'))
  }

  #countOf(service: string): MirrorCount {
    let count = this.#mirrors.get(service)
    if (count === undefined) {
      count = new MirrorCount(this.#metrics, service)
      this.#mirrors.set(service, count)
    }
    return count
  }

  /** The request as it stands now, for an exchange of its own. */
  #copy(source: Exchange, body: Buffer, onEnd: () => void): { readonly exchange: Exchange; readonly handler: DetachedHandler } {
    const downstream = new NobodyDownstream(body, () => {
      this.#running.delete(handler)
      onEnd()
    })
    const exchange = new Exchange(source.listener, downstream, source.clock)
    const { request, forward, client, caller } = exchange
    const { headers } = source.request
    request.method = source.request.method
    request.target = source.request.target
    request.path = source.request.path
    request.query = source.request.query
    request.scheme = source.request.scheme
    request.authority = source.request.authority
    request.host = source.request.host
    request.majorVersion = source.request.majorVersion
    request.minorVersion = source.request.minorVersion
    request.headers.adopt(headers.clone())
    Object.assign(forward, source.forward)
    Object.assign(client, source.client)
    caller.restore(source.caller.copy())
    exchange.params = source.params
    exchange.pathPattern = source.pathPattern
    exchange.requestId = source.requestId
    exchange.requestBodyBytesMax = source.requestBodyBytesMax
    exchange.startedAt = source.clock.now()
    const handler = this.#createHandler(exchange)
    this.#running.add(handler)
    downstream.handler = handler
    return { exchange, handler }
  }
}

/** The route of an exchange is a plan: those who only read it see less of it. */
function isPlan(route: Exchange['route']): route is RoutePlan {
  return route !== null && 'steps' in route
}

class MirrorCount {
  underWay = 0
  readonly #metrics: Metrics
  readonly #service: string
  readonly #counters = new Map<string, Counter>()

  constructor(metrics: Metrics, service: string) {
    this.#metrics = metrics
    this.#service = service
  }

  end(result: 'answered' | 'failed'): void {
    this.#count('gateway_mirror_requests_total', 'Copies of requests that were sent, by how they ended.', 'result', result)
  }

  skip(reason: 'body' | 'in_flight_max'): void {
    this.#count('gateway_mirror_skipped_total', 'Copies of requests that were not made, by reason.', 'reason', reason)
  }

  #count(name: string, help: string, label: string, value: string): void {
    let counter = this.#counters.get(value)
    if (counter === undefined) {
      counter = this.#metrics.counter(name, help, { service: this.#service, [label]: value })
      this.#counters.set(value, counter)
    }
    counter.add(1)
  }
}

const EMPTY = Buffer.alloc(0)

/** The client's side where there is no client: gives a body that is there already, and drops the response. */
class NobodyDownstream implements Downstream, BodySource {
  handler: DetachedHandler | null = null
  headSent = false
  readonly length: number
  readonly #body: Buffer
  readonly #onEnd: () => void
  readonly responseBody: BodySink = {
    onData: () => true,
    onEnd: () => {
      this.handler?.onFinished()
      this.#onEnd()
    },
    onError: (error) => {
      this.handler?.onAborted(error)
      this.#onEnd()
    },
    flush: () => {},
  }

  constructor(body: Buffer, onEnd: () => void) {
    this.#body = body
    this.length = body.length
    this.#onEnd = onEnd
  }

  get requestBody(): BodySource {
    return this
  }

  start(sink: BodySink): void {
    sink.onData(this.#body, 0, this.#body.length)
    sink.onEnd(null)
    sink.flush()
  }

  /** All of the body is given at once: there is nothing to pause. */
  pause(): void {}
  resume(): void {}
  sendInformational(): void {}

  sendHead(): void {
    this.headSent = true
  }

  openTunnel(): TunnelEnd {
    throw new Error('a detached exchange asks for no upgrade')
  }
}
