import { type BodySink, LENGTH_UNKNOWN } from '../core/body.ts'
import type { FilterOutput } from '../core/body-filter.ts'
import { GatewayError } from '../core/errors.ts'
import type { Exchange } from '../core/exchange.ts'
import type { Headers } from '../core/headers.ts'
import type { UpstreamConnection } from '../http/upstream-connection.ts'

/** A body that is taken in as a whole. */
interface Gathering {
  readonly bytesMax: number
  readonly onWhole: (body: Buffer | 'too large' | 'no room') => void
}

/** A copy of the body for somebody else than the service. */
interface Copying {
  readonly bytesMax: number
  readonly onWhole: (body: Buffer | null) => void
  readonly pieces: Buffer[]
  bytes: number
}

/** Who says how many bytes all exchanges may hold together. */
export interface GatheringRoom {
  take(bytes: number): boolean
  give(bytes: number): void
}

/**
 * Carries a request body from the client to the try that is under way, and keeps it, up to a bound, so that the next try can have it
 * from the beginning.
 */
export class RequestRelay implements BodySink {
  readonly #exchange: Exchange
  readonly #room: GatheringRoom
  /** Taken out of the room. */
  #roomBytes = 0
  readonly #onBroken: (error: GatewayError) => void
  #connection: UpstreamConnection | null = null
  #kept: Buffer[] = []
  #keptBytes = 0
  #keepMax = 0
  #started = false
  #ended = false
  #trailers: Headers | null = null
  #gathering: Gathering | null = null
  #copying: Copying | null = null
  /** Whether what a filter gave within one call was taken without asking for a pause. */
  #takesMore = true
  readonly #filtered: FilterOutput = {
    data: (bytes) => {
      if (!this.#pass(bytes, 0, bytes.length)) this.#takesMore = false
    },
  }
  /** Bytes of the body once all of it is here; LENGTH_UNKNOWN before. */
  #wholeLength = LENGTH_UNKNOWN
  /** Whether all that has come can be given to another try. */
  repeatable = true

  /** @param onBroken told when the client's body breaks off. */
  constructor(exchange: Exchange, room: GatheringRoom, onBroken: (error: GatewayError) => void) {
    this.#exchange = exchange
    this.#room = room
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
    this.#gathering = null
    this.#wholeLength = LENGTH_UNKNOWN
    this.repeatable = true
  }

  /** No further try is made: nothing is kept for one. */
  forget(): void {
    if (this.#kept.length > 0) this.#kept = []
    this.#keptBytes = 0
    this.repeatable = false
  }

  /** Drops what is kept: an idle connection holds no body. */
  release(): void {
    this.forget()
    this.#gathering = null
    this.#endCopy(null)
    if (this.#roomBytes === 0) return
    this.#room.give(this.#roomBytes)
    this.#roomBytes = 0
  }

  /** Bytes of the body, LENGTH_UNKNOWN for chunked, 0 for none. */
  get length(): number {
    if (this.#wholeLength !== LENGTH_UNKNOWN) return this.#wholeLength
    const { length } = this.#exchange.downstream.requestBody
    return length !== 0 && this.#exchange.requestFilter !== null ? LENGTH_UNKNOWN : length
  }

  /**
   * Takes the whole body in, before any try. May be asked for again: what has come already is then taken as it is.
   * @param onWhole called once, within this call or later: with the body, or with why it cannot be taken in: it has more than `bytesMax`
   * bytes, or all exchanges together hold too much. Never called when the body breaks off.
   */
  gather(bytesMax: number, onWhole: Gathering['onWhole']): void {
    if (this.length > bytesMax || this.#keptBytes > bytesMax) return onWhole('too large')
    if (this.#ended) return onWhole(Buffer.concat(this.#kept))
    this.#gathering = { bytesMax, onWhole }
    const { requestBody } = this.#exchange.downstream
    if (this.#started) return requestBody.resume()
    this.#started = true
    requestBody.start(this)
  }

  /**
   * Has the body copied while it goes to the service, which waits for nothing.
   * @param onWhole called once: with the body, or with null when it has more than `bytesMax` bytes or breaks off
   */
  copy(bytesMax: number, onWhole: (body: Buffer | null) => void): void {
    // What is here already was taken in for steps: all of the body, or its beginning when they gave it up as too large.
    if (this.#keptBytes > bytesMax) onWhole(null)
    else if (this.length === 0 || this.#ended) onWhole(Buffer.concat(this.#kept))
    else this.#copying = { bytesMax, onWhole, pieces: [...this.#kept], bytes: this.#keptBytes }
  }

  #copy(copying: Copying, bytes: Buffer, start: number, end: number): void {
    copying.bytes += end - start
    if (copying.bytes > copying.bytesMax) this.#endCopy(null)
    else copying.pieces.push(Buffer.from(bytes.subarray(start, end)))
  }

  #endCopy(body: Buffer | null): void {
    const copying = this.#copying
    this.#copying = null
    copying?.onWhole(body)
  }

  /** Has another body take the place of the one that was gathered. */
  replace(body: Buffer): void {
    this.#kept = body.length > 0 ? [body] : []
    this.#keptBytes = body.length
    // Trailers spoke of the body that came.
    this.#trailers = null
    this.#wholeLength = body.length
    // The length that the client stated is another body's: with it the service would take the rest of this one for a request (RFC 9112, 11.2).
    this.#exchange.request.headers.delete('Content-Length')
    this.#exchange.request.headers.delete('Trailer')
  }

  /** Has a body that did not come from the client go to the service. What is still to come of the client's is not read. */
  give(body: Buffer): void {
    this.#started = true
    this.#ended = true
    // Nobody waits to be told to send.
    this.#exchange.request.expectsContinue = false
    this.replace(body)
  }

  get started(): boolean {
    return this.#started
  }

  /** Whether the try under way waits for bytes of the client, and would take them. */
  get awaitsClient(): boolean {
    return this.#started && !this.#ended && this.#connection?.stalled === false
  }

  /** Gives the body to a try: what was kept first, then what still comes. @param keepMax bytes to keep for a next try. */
  attach(connection: UpstreamConnection, keepMax: number): void {
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
    // A body that was found too large for a step goes on flowing when the service has taken the one given in its place.
    if (this.#ended) return false
    const filter = this.#exchange.requestFilter
    if (filter === null) return this.#pass(bytes, start, end)
    this.#takesMore = true
    try {
      filter.onData(bytes, start, end, this.#filtered)
    } catch (error) {
      this.#onFilterFault(error)
      return false
    }
    return this.#takesMore
  }

  #onFilterFault(error: unknown): void {
    const known =
      error instanceof GatewayError ? error : new GatewayError('internal_error', 'a body filter failed', 'internal', 'never', error)
    this.onError(known)
  }

  #pass(bytes: Buffer, start: number, end: number): boolean {
    if (this.#gathering !== null) return this.#take(this.#gathering, bytes, start, end)
    if (this.#copying !== null) this.#copy(this.#copying, bytes, start, end)
    if (this.repeatable) this.#keep(bytes, start, end)
    const connection = this.#connection
    return connection === null ? false : connection.requestBody.onData(bytes, start, end)
  }

  /** For {@link gather}. A body that turns out too large stays where it is: the rest of it is the next sink's, or nobody's. */
  #take({ bytesMax, onWhole }: Gathering, bytes: Buffer, start: number, end: number): boolean {
    const size = end - start
    this.#kept.push(Buffer.from(bytes.subarray(start, end)))
    this.#keptBytes += size
    const hasRoom = this.#room.take(size)
    if (hasRoom) this.#roomBytes += size
    if (hasRoom && this.#keptBytes <= bytesMax) return true
    this.#gathering = null
    onWhole(hasRoom ? 'too large' : 'no room')
    return false
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

  onEnd(received: Headers | null): void {
    if (this.#ended) return
    const filter = this.#exchange.requestFilter
    let trailers = received
    try {
      if (filter !== null) trailers = filter.onEnd(received, this.#filtered)
    } catch (error) {
      return this.#onFilterFault(error)
    }
    this.#ended = true
    this.#trailers = trailers
    const gathering = this.#gathering
    if (gathering !== null) {
      this.#gathering = null
      const whole = Buffer.concat(this.#kept)
      this.#kept = whole.length > 0 ? [whole] : []
      // What the client stated is the length of what it sent: with it the service would take the next request for the rest of this one.
      if (filter !== null) this.#exchange.request.headers.delete('Content-Length')
      // Trailers need a framing that can carry them.
      if (trailers === null) this.#wholeLength = whole.length
      return gathering.onWhole(whole)
    }
    this.#connection?.requestBody.onEnd(trailers)
    if (this.#copying !== null) this.#endCopy(Buffer.concat(this.#copying.pieces))
  }

  onError(error: GatewayError): void {
    this.#onBroken(error)
  }

  flush(): void {
    this.#connection?.requestBody.flush()
  }
}
