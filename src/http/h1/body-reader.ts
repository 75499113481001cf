import type { BodySink } from '../../core/body.ts'
import { GatewayError } from '../../core/errors.ts'
import type { Exchange } from '../../core/exchange.ts'
import type { Headers } from '../../core/headers.ts'
import { ChunkedDecoder } from './chunked.ts'
import type { Framing } from './framing.ts'

/** Reads one request body after the other, as its framing says, and counts it: a body without a stated length is bounded too. */
export class BodyReader {
  /** The whole body has been read. */
  done = false
  /** The sink asked for a pause during the last {@link read}. */
  paused = false
  /** Why the body cannot go on. */
  fault: GatewayError | null = null
  readonly #exchange: Exchange
  readonly #framing: Framing
  readonly #decoder = new ChunkedDecoder()
  #remaining = 0
  #sink: BodySink | null = null
  /** Stands between decoder and sink. */
  readonly #counting: BodySink = {
    onData: (bytes, start, end) => this.#give(bytes, start, end),
    onEnd: () => {},
    onError: () => {},
    flush: () => {},
  }

  /** @param framing filled anew by the head reader before each {@link reset}. */
  constructor(exchange: Exchange, framing: Framing) {
    this.#exchange = exchange
    this.#framing = framing
  }

  /** Begins with the body of the request whose head has just been read. */
  reset(): void {
    this.done = this.#framing.body === 'none'
    this.fault = null
    this.#remaining = this.#framing.contentLength
    if (this.#framing.body === 'chunked') this.#decoder.reset()
  }

  /** Gives what `bytes[start..end)` holds of the body to the sink. Returns the offset behind it; see {@link done} and {@link fault}. */
  read(bytes: Buffer, start: number, end: number, sink: BodySink): number {
    this.paused = false
    this.#sink = sink
    if (this.#framing.body === 'length') {
      const at = Math.min(end, start + this.#remaining)
      this.#remaining -= at - start
      this.done = this.#remaining === 0
      this.#give(bytes, start, at)
      return at
    }
    const at = this.#decoder.decode(bytes, start, end, this.#counting)
    if (at === -1) {
      this.fault ??= new GatewayError('request_framing_invalid', 'broken chunked coding', 'downstream')
      return end
    }
    this.done = this.#decoder.done
    return at
  }

  /** The trailers of a body that is done; null for none. */
  trailers(): Headers | null {
    return this.#framing.body === 'chunked' ? this.#decoder.trailers() : null
  }

  #give(bytes: Buffer, start: number, end: number): boolean {
    if (this.fault !== null) return true
    const exchange = this.#exchange
    exchange.requestBytes += end - start
    if (exchange.requestBytes > exchange.requestBodyBytesMax) {
      this.fault = new GatewayError('request_body_too_large', 'the body is longer than allowed', 'downstream')
      return true
    }
    if (this.#sink?.onData(bytes, start, end) === false) this.paused = true
    return true
  }
}
