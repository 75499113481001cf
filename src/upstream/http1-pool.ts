import { ClientConnection } from '../http/h1/client-connection.ts'
import type { ConnectionPool, UpstreamHandler } from '../http/h1/upstream-handler.ts'
import type { Transport } from '../http/transport.ts'
import type { UpstreamConnection } from '../http/upstream-connection.ts'
import type { PoolContext } from './pool-context.ts'

/** A server that says `Keep-Alive: timeout=N` closes about then: a connection is given up a little earlier, so that no request meets the closing. */
const KEEP_ALIVE_MARGIN_MS = 1_000

/** The HTTP/1.1 connections to one target: one request at a time on each. */
export class Http1Pool implements ConnectionPool {
  readonly label: string
  readonly wheel: PoolContext['wheel']
  readonly #context: PoolContext
  /** Unused connections, the one used last at the end. */
  readonly #idle: ClientConnection[] = []
  #isRetired = false

  constructor(context: PoolContext) {
    this.label = context.address.label
    this.wheel = context.wheel
    this.#context = context
  }

  get headBytesMax(): number {
    return this.#context.settings.responseHeadBytesMax
  }

  /** An unused connection, for this request now; null when there is none. */
  take(handler: UpstreamHandler): UpstreamConnection | null {
    const connection = this.#idle.pop()
    if (connection === undefined) return null
    this.#context.count.idle.add(-1)
    connection.assign(handler)
    return connection
  }

  /** Takes a new connection over, which has been counted, for its first request. */
  adopt(transport: Transport, handler: UpstreamHandler): UpstreamConnection {
    return new ClientConnection(transport, this, handler)
  }

  onReusable(connection: ClientConnection): void {
    if (this.#isRetired) {
      connection.abort()
      return
    }
    const promised = connection.keepAliveMs > 0 ? Math.max(connection.keepAliveMs - KEEP_ALIVE_MARGIN_MS, 1) : Number.POSITIVE_INFINITY
    connection.expireAfter(Math.min(this.#context.settings.idleTimeoutMs, promised))
    this.#idle.push(connection)
    this.#context.count.idle.add(1)
  }

  onGone(connection: ClientConnection): void {
    this.#context.count.give()
    const index = this.#idle.lastIndexOf(connection)
    if (index === -1) return
    this.#idle.splice(index, 1)
    this.#context.count.idle.add(-1)
  }

  /** Unused connections close now, the others after their exchange. */
  retire(): void {
    this.#isRetired = true
    for (const connection of this.#idle.slice()) connection.abort()
  }
}
