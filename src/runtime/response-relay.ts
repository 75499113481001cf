import { LENGTH_UNKNOWN } from '../core/body.ts'
import type { BodyFilter, FilterOutput } from '../core/body-filter.ts'
import type { Exchange } from '../core/exchange.ts'
import type { Headers } from '../core/headers.ts'
import type { GatheringRoom } from './request-relay.ts'

/** A body that is taken in as a whole before its head may go out. */
interface Gathering {
  readonly bytesMax: number
  readonly onWhole: (body: Buffer | 'too large' | 'no room') => void
}

/**
 * Carries a response body to the client and to who listens (`exchange.responseTap`), and holds what of it is there before its head may go
 * out: because a step still waits for something (then at most one read of the service's connection, which is paused), or because steps
 * want the whole body. Usually nothing waits and nothing is held.
 */
export class ResponseRelay {
  readonly #exchange: Exchange
  readonly #room: GatheringRoom
  readonly #onFault: (error: unknown) => void
  /** Taken out of the room. */
  #roomBytes = 0
  #pieces: Buffer[] = []
  #bytes = 0
  #ended = false
  #trailers: Headers | null = null
  #gathering: Gathering | null = null
  #filter: BodyFilter | null = null
  /** Takes what {@link #filter} gives. */
  #filtered: FilterOutput = NOWHERE
  /** Whether what the filter gave within one call was taken without asking for a pause. */
  #takesMore = true
  /** Set from the response's head until {@link release}. */
  holds = false

  /** Whether the whole body is awaited, and no step is at it. */
  get gathers(): boolean {
    return this.#gathering !== null
  }

  /** @param onFault told what a filter threw; nothing more of the body is then taken */
  constructor(exchange: Exchange, room: GatheringRoom, onFault: (error: unknown) => void) {
    this.#exchange = exchange
    this.#room = room
    this.#onFault = onFault
  }

  reset(): void {
    this.holds = false
    if (this.#pieces.length > 0) this.#pieces = []
    this.#bytes = 0
    this.#ended = false
    this.#trailers = null
    this.#gathering = null
    this.#filter = null
    if (this.#roomBytes === 0) return
    this.#room.give(this.#roomBytes)
    this.#roomBytes = 0
  }

  /** Begins to hold. @param body the whole body, for answers of the gateway's own. */
  hold(body?: Buffer): void {
    this.reset()
    this.holds = true
    if (body === undefined) return
    if (body.length > 0) this.#pieces.push(body)
    this.#ended = true
  }

  /**
   * Takes the whole body in. What has come already counts.
   * @param onWhole called once, within this call or later: with the body, or with why it cannot be taken in; what is held then goes on
   * streaming once it is released. Never called when the body breaks off.
   */
  gather(bytesMax: number, onWhole: Gathering['onWhole']): void {
    if (this.#exchange.response.bodyLength > bytesMax) return onWhole('too large')
    // All of it, or more than is wanted, may have come while a step was at the head: nothing else would tell.
    this.#exchange.response.trailers = this.#trailers
    if (this.#bytes > bytesMax) return onWhole('too large')
    if (this.#ended) return onWhole(Buffer.concat(this.#pieces))
    this.#gathering = { bytesMax, onWhole }
  }

  /** Has another body take the place of the one that was gathered. Trailers spoke of that one. */
  replace(body: Buffer): void {
    this.#pieces = body.length > 0 ? [body] : []
    this.#trailers = null
    this.#exchange.response.bodyLength = body.length
    this.#exchange.response.headers.delete('Content-Length')
    this.#exchange.response.headers.delete('Trailer')
  }

  /** From here on, and for what is held, the body is what `exchange.responseFilter` makes of it. */
  filter(): void {
    const { responseFilter: filter, response } = this.#exchange
    if (filter === null) return
    response.bodyLength = LENGTH_UNKNOWN
    response.headers.delete('Content-Length')
    const pieces = this.#pieces
    this.#pieces = []
    this.#bytes = 0
    this.#filter = filter
    this.#filtered = {
      data: (bytes) => {
        // Within one call of the filter its body may have been given up, too large for a step, and something else been answered.
        if (this.#filter === filter && !this.#take(bytes, 0, bytes.length)) this.#takesMore = false
      },
    }
    try {
      for (const piece of pieces) filter.onData(piece, 0, piece.length, this.#filtered)
      if (this.#ended) this.#trailers = filter.onEnd(this.#trailers, this.#filtered)
    } catch (error) {
      this.#onFault(error)
    }
  }

  onData(bytes: Buffer, start: number, end: number): boolean {
    const filter = this.#filter
    if (filter === null) return this.#take(bytes, start, end)
    this.#takesMore = true
    try {
      filter.onData(bytes, start, end, this.#filtered)
      return this.#takesMore
    } catch (error) {
      this.#onFault(error)
      return false
    }
  }

  #take(bytes: Buffer, start: number, end: number): boolean {
    if (!this.holds) {
      this.#exchange.responseTap?.onData(bytes, start, end)
      return this.#exchange.downstream.responseBody.onData(bytes, start, end)
    }
    this.#pieces.push(Buffer.from(bytes.subarray(start, end)))
    this.#bytes += end - start
    return this.#gathering !== null && this.#goesOn(this.#gathering, end - start)
  }

  #goesOn({ bytesMax, onWhole }: Gathering, size: number): boolean {
    const hasRoom = this.#room.take(size)
    if (hasRoom) this.#roomBytes += size
    if (hasRoom && this.#bytes <= bytesMax) return true
    this.#gathering = null
    onWhole(hasRoom ? 'too large' : 'no room')
    // It may have been released within the call, and then the connection must not stop.
    return !this.holds
  }

  onEnd(received: Headers | null): void {
    const filter = this.#filter
    let trailers = received
    try {
      if (filter !== null) trailers = filter.onEnd(received, this.#filtered)
    } catch (error) {
      return this.#onFault(error)
    }
    if (this.#filter !== filter) return
    if (!this.holds) return this.#end(trailers)
    this.#ended = true
    // They are the connection's only during this call: the next ones on it, of another client's response, take their place.
    this.#trailers = trailers?.clone() ?? null
    const gathering = this.#gathering
    this.#gathering = null
    this.#exchange.response.trailers = this.#trailers
    gathering?.onWhole(Buffer.concat(this.#pieces))
  }

  #end(trailers: Headers | null): void {
    const exchange = this.#exchange
    const tap = exchange.responseTap
    exchange.responseTap = null
    tap?.onEnd(trailers)
    exchange.downstream.responseBody.onEnd(trailers)
  }

  /** The body will not become whole, or nobody reads on. */
  abort(): void {
    const tap = this.#exchange.responseTap
    this.#exchange.responseTap = null
    tap?.onAbort()
  }

  /** The head has been sent: the body follows. */
  release(): void {
    const pieces = this.#pieces
    const ended = this.#ended
    const trailers = this.#trailers
    const filter = this.#filter
    this.reset()
    if (!ended) this.#filter = filter
    const { responseTap, downstream } = this.#exchange
    const body = downstream.responseBody
    for (const piece of pieces) {
      responseTap?.onData(piece, 0, piece.length)
      body.onData(piece, 0, piece.length, true)
    }
    if (ended) this.#end(trailers)
    else if (pieces.length > 0) body.flush()
  }
}

const NOWHERE: FilterOutput = { data: () => {} }
