import type { UpstreamHandler } from '../http/h1/upstream-handler.ts'
import { ClientSession, type SessionOwner } from '../http/h2/client-session.ts'
import type { Transport } from '../http/transport.ts'
import type { UpstreamConnection } from '../http/upstream-connection.ts'
import type { PoolContext } from './pool-context.ts'

/** The HTTP/2 connections to one target: many requests at once on each. */
export class Http2Pool implements SessionOwner {
  readonly label: string
  readonly wheel: PoolContext['wheel']
  readonly isSecure: boolean
  readonly #context: PoolContext
  /** Those that take requests, the oldest first: when there is less to do, the younger ones become idle and close. */
  readonly #sessions: ClientSession[] = []

  constructor(context: PoolContext) {
    this.label = context.address.label
    this.wheel = context.wheel
    this.isSecure = context.settings.tls !== null
    this.#context = context
  }

  get headBytesMax(): number {
    return this.#context.settings.responseHeadBytesMax
  }

  get idleTimeoutMs(): number {
    return this.#context.settings.idleTimeoutMs
  }

  /** A stream for this request; null when none of the connections has room. @param fresh only on a connection that has served none yet */
  take(handler: UpstreamHandler, fresh: boolean): UpstreamConnection | null {
    for (const session of this.#sessions) {
      if (session.hasRoom && !(fresh && session.requestsServed > 0)) return session.open(handler)
    }
    return null
  }

  /** Takes a new connection over, which has been counted. */
  adopt(transport: Transport): ClientSession {
    const session = new ClientSession(transport, this)
    this.#sessions.push(session)
    return session
  }

  onRetired(session: ClientSession): void {
    const index = this.#sessions.indexOf(session)
    if (index !== -1) this.#sessions.splice(index, 1)
  }

  onGone(): void {
    this.#context.count.give()
  }

  /** Unused connections close now, the others after their last exchange. */
  retire(): void {
    for (const session of this.#sessions.slice()) session.retire()
  }
}
