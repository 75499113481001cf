import type { Exchange } from '../core/exchange.ts'
import { parseGrpcTimeout } from '../core/grpc.ts'
import { Deadline } from '../core/timers.ts'
import type { ProxyContext } from './proxy-context.ts'

/** The time that the client of a gRPC call gives all of it, its stream included (`grpc-timeout`). Costs nothing where there is none. */
export class CallDeadline {
  readonly #exchange: Exchange
  readonly #context: ProxyContext
  readonly #onDue: () => void
  #deadline: Deadline | null = null

  constructor(exchange: Exchange, context: ProxyContext, onDue: () => void) {
    this.#exchange = exchange
    this.#context = context
    this.#onDue = onDue
  }

  /** Notes in the exchange what the request says. Returns false for what is no time. */
  read(): boolean {
    const exchange = this.#exchange
    const text = exchange.request.headers.get('grpc-timeout')
    if (text === undefined) return true
    const timeoutMs = parseGrpcTimeout(text)
    if (timeoutMs === null) return false
    exchange.deadlineAt = exchange.startedAt + timeoutMs
    return true
  }

  /** Begins to wait for it, if there is one. Returns false when it is over. */
  start(): boolean {
    const { deadlineAt } = this.#exchange
    if (deadlineAt === Number.POSITIVE_INFINITY) return true
    const leftMs = deadlineAt - this.#context.clock.now()
    if (leftMs <= 0) return false
    this.#deadline ??= new Deadline(this.#onDue)
    this.#context.wheel.set(this.#deadline, leftMs)
    return true
  }

  clear(): void {
    if (this.#deadline !== null) this.#context.wheel.clear(this.#deadline)
  }
}
