import type { Exchange } from '../core/exchange.ts'
import type { Headers } from '../core/headers.ts'

/**
 * What of a response body is there before its head may go out, because a response step still waits for something: at most one read of
 * the service's connection, which is then paused. Usually nothing waits and nothing is held.
 */
export class HeldResponse {
  readonly #exchange: Exchange
  #pieces: Buffer[] = []
  #ended = false
  #trailers: Headers | null = null
  /** Set from the response's head until {@link release}. */
  holds = false

  constructor(exchange: Exchange) {
    this.#exchange = exchange
  }

  reset(): void {
    this.holds = false
    if (this.#pieces.length > 0) this.#pieces = []
    this.#ended = false
    this.#trailers = null
  }

  /** Begins to hold. @param body the whole body, for answers of the gateway's own. */
  hold(body?: Buffer): void {
    this.reset()
    this.holds = true
    if (body === undefined) return
    if (body.length > 0) this.#pieces.push(body)
    this.#ended = true
  }

  onData(bytes: Buffer, start: number, end: number): boolean {
    this.#pieces.push(Buffer.from(bytes.subarray(start, end)))
    return false
  }

  onEnd(trailers: Headers | null): void {
    this.#ended = true
    this.#trailers = trailers
  }

  /** The head has been sent: the body follows. */
  release(): void {
    const pieces = this.#pieces
    const ended = this.#ended
    const trailers = this.#trailers
    this.reset()
    const body = this.#exchange.downstream.responseBody
    for (const piece of pieces) body.onData(piece, 0, piece.length)
    if (ended) body.onEnd(trailers)
    else if (pieces.length > 0) body.flush()
  }
}
