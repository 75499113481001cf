import { type BodySink, LENGTH_UNKNOWN } from '../core/body.ts'
import type { GatewayError } from '../core/errors.ts'
import type { Exchange } from '../core/exchange.ts'
import type { Headers } from '../core/headers.ts'
import type { ClientConnection } from '../http/h1/client-connection.ts'

/**
 * Carries a request body from the client to the try that is under way, and keeps it, up to a bound, so that the next try can have it
 * from the beginning.
 */
export class RequestRelay implements BodySink {
  readonly #exchange: Exchange
  readonly #onBroken: (error: GatewayError) => void
  #connection: ClientConnection | null = null
  #kept: Buffer[] = []
  #keptBytes = 0
  #keepMax = 0
  #started = false
  #ended = false
  #trailers: Headers | null = null
  /** Whether all that has come can be given to another try. */
  repeatable = true

  /** @param onBroken told when the client's body breaks off. */
  constructor(exchange: Exchange, onBroken: (error: GatewayError) => void) {
    this.#exchange = exchange
    this.#onBroken = onBroken
  }

  reset(): void {
    this.#connection = null
    if (this.#kept.length > 0) this.#kept = []
    this.#keptBytes = 0
    this.#keepMax = 0
    this.#started = false
    this.#ended = false
    this.#trailers = null
    this.repeatable = true
  }

  /** Bytes of the body, LENGTH_UNKNOWN for chunked, 0 for none. */
  get length(): number {
    return this.#exchange.downstream.requestBody.length
  }

  get started(): boolean {
    return this.#started
  }

  /** Gives the body to a try: what was kept first, then what still comes. @param keepMax bytes to keep for a next try. */
  attach(connection: ClientConnection, keepMax: number): void {
    this.#connection = connection
    this.#keepMax = Math.max(this.#keepMax, keepMax)
    const body = connection.requestBody
    for (const piece of this.#kept) body.onData(piece, 0, piece.length)
    if (this.#ended) {
      body.onEnd(this.#trailers)
      return
    }
    if (this.#started) {
      body.flush()
      this.#exchange.downstream.requestBody.resume()
      return
    }
    this.#started = true
    const length = this.length
    if (length !== LENGTH_UNKNOWN && length > this.#keepMax) this.repeatable = false
    this.#exchange.downstream.requestBody.start(this)
  }

  /** The try is over; the body waits for the next one. */
  detach(): void {
    this.#connection = null
  }

  onData(bytes: Buffer, start: number, end: number): boolean {
    if (this.repeatable) this.#keep(bytes, start, end)
    const connection = this.#connection
    return connection === null ? false : connection.requestBody.onData(bytes, start, end)
  }

  #keep(bytes: Buffer, start: number, end: number): void {
    const size = end - start
    // Between two tries nobody else has these bytes: they are kept beyond the bound, which is one read at most, since then the client waits.
    if (this.#keptBytes + size > this.#keepMax && this.#connection !== null) {
      this.repeatable = false
      this.#kept = []
      return
    }
    this.#kept.push(Buffer.from(bytes.subarray(start, end)))
    this.#keptBytes += size
  }

  onEnd(trailers: Headers | null): void {
    this.#ended = true
    this.#trailers = trailers
    this.#connection?.requestBody.onEnd(trailers)
  }

  onError(error: GatewayError): void {
    this.#onBroken(error)
  }

  flush(): void {
    this.#connection?.requestBody.flush()
  }
}
