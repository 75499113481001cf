import type { Clock } from '../core/clock.ts'
import type { DownstreamConnection, DownstreamStream } from '../http/http.ts'

/**
 * Ends what would not end by itself when the gateway goes: WebSockets with a close frame, event streams behind an event. Spread over a time,
 * so that the clients do not all come back to the next instance at once.
 */
export class StreamEnding {
  websockets = 0
  eventStreams = 0
  readonly #spreadMs: number
  readonly #clock: Clock
  /** When each stream is to be ended; Infinity once it has been. */
  readonly #dueAt = new Map<DownstreamStream, number>()

  constructor(spreadMs: number, clock: Clock) {
    this.#spreadMs = spreadMs
    this.#clock = clock
  }

  /** Ends those whose time has come. Also those that turned into a stream only now. */
  turn(connections: Iterable<DownstreamConnection>): void {
    const nowMs = this.#clock.now()
    for (const connection of connections) for (const stream of connection.streams()) this.#turn(stream, nowMs)
  }

  #turn(stream: DownstreamStream, nowMs: number): void {
    let dueAt = this.#dueAt.get(stream)
    if (dueAt === undefined) {
      dueAt = nowMs + this.#clock.random() * this.#spreadMs
      this.#dueAt.set(stream, dueAt)
    }
    if (nowMs < dueAt) return
    this.#dueAt.set(stream, Number.POSITIVE_INFINITY)
    const ended = stream.endStream()
    if (ended === 'websocket') this.websockets++
    else if (ended === 'events') this.eventStreams++
  }
}
