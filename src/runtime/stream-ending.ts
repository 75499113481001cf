import type { Clock } from '../core/clock.ts'
import type { ServerConnection } from '../http/h1/server-connection.ts'

/**
 * Ends what would not end by itself when the gateway goes: WebSockets with a close frame, event streams behind an event. Spread over a time,
 * so that the clients do not all come back to the next instance at once.
 */
export class StreamEnding {
  websockets = 0
  eventStreams = 0
  readonly #spreadMs: number
  readonly #clock: Clock
  /** When each connection is to be asked; Infinity once it has been ended. */
  readonly #dueAt = new Map<ServerConnection, number>()

  constructor(spreadMs: number, clock: Clock) {
    this.#spreadMs = spreadMs
    this.#clock = clock
  }

  /** Asks those whose time has come. Also those that turned into a stream only now. */
  turn(connections: Iterable<ServerConnection>): void {
    const nowMs = this.#clock.now()
    for (const connection of connections) {
      if (!connection.isStream) continue
      let dueAt = this.#dueAt.get(connection)
      if (dueAt === undefined) {
        dueAt = nowMs + this.#clock.random() * this.#spreadMs
        this.#dueAt.set(connection, dueAt)
      }
      if (nowMs < dueAt) continue
      this.#dueAt.set(connection, Number.POSITIVE_INFINITY)
      const ended = connection.endStream()
      if (ended === 'websocket') this.websockets++
      else if (ended === 'events') this.eventStreams++
    }
  }
}
