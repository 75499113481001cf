import type { BodySink } from '../core/body.ts'
import type { GatewayError } from '../core/errors.ts'
import type { UpstreamHandler } from '../http/h1/upstream-handler.ts'
import type { UpstreamConnection } from '../http/upstream-connection.ts'

const ignore = (): void => undefined
const NO_BODY: BodySink = { onData: () => true, onEnd: ignore, onError: ignore, flush: ignore }

/** Stands for a connection while it is being made: it can be given up, and nothing else. */
export class Waiter implements UpstreamConnection {
  readonly requestBody = NO_BODY
  readonly idle = false
  readonly requestsServed = 0
  readonly mayRefuse = false
  readonly stalled = false
  /** Called when the request is given up. */
  onGivenUp: () => void = ignore
  #handler: UpstreamHandler | null

  constructor(handler: UpstreamHandler) {
    this.#handler = handler
  }

  /** It has its connection, or its failure, or was given up. */
  get isOver(): boolean {
    return this.#handler === null
  }

  /** The connection is there. */
  connect(take: (handler: UpstreamHandler) => UpstreamConnection): void {
    const handler = this.#handler
    if (handler === null) return
    this.#handler = null
    handler.onConnected(take(handler))
  }

  fail(error: GatewayError): void {
    const handler = this.#handler
    this.#handler = null
    handler?.onFailed(error)
  }

  abort(): void {
    if (this.#handler === null) return
    this.#handler = null
    this.onGivenUp()
  }

  discard(): void {
    this.abort()
  }

  send(): void {}

  pause(): void {}

  resume(): void {}

  detain(): void {}

  giveBack(): void {}
}
