import { GatewayError } from '../core/errors.ts'
import type { Counter, Gauge } from '../core/observe.ts'
import type { TimerWheel } from '../core/timers.ts'
import { ClientConnection } from '../http/h1/client-connection.ts'
import type { ConnectionPool, UpstreamHandler } from '../http/h1/upstream-handler.ts'
import type { UpstreamConnection } from '../http/upstream-connection.ts'
import { TargetHealth } from './target-health.ts'

/** A server that says `Keep-Alive: timeout=N` closes about then: a connection is given up a little earlier, so that no request meets the closing. */
const KEEP_ALIVE_MARGIN_MS = 1_000

export interface TargetSettings {
  connectTimeoutMs: number
  idleTimeoutMs: number
  connectionsMax: number
  responseHeadBytesMax: number
}

/** What all targets of a worker share. */
export interface TargetContext {
  readonly wheel: TimerWheel
  readonly connections: Gauge
  readonly connectionsTotal: Counter
}

/** One address of a service, with its pool of connections. It outlives reloads for as long as its service names it. */
export class Target implements ConnectionPool {
  readonly host: string
  readonly port: number
  readonly label: string
  /** As configured. */
  weight: number
  /** Kept by the health of its service: whether it takes part, and with how much of its weight. */
  isUsable = true
  effectiveWeight: number
  readonly health = new TargetHealth()
  /** What smooth round robin owes it. */
  turn = 0
  /** Exchanges that are with it now; what least-connections and power-of-two look at. */
  inFlight = 0
  readonly wheel: TimerWheel
  readonly #settings: TargetSettings
  readonly #context: TargetContext
  /** Unused connections, the one used last at the end. */
  readonly #idle: ClientConnection[] = []
  #open = 0
  #retired = false

  constructor(host: string, port: number, weight: number, settings: TargetSettings, context: TargetContext) {
    this.host = host
    this.port = port
    this.label = `${host.includes(':') ? `[${host}]` : host}:${port}`
    this.weight = weight
    this.effectiveWeight = weight
    this.wheel = context.wheel
    this.#settings = settings
    this.#context = context
  }

  get headBytesMax(): number {
    return this.#settings.responseHeadBytesMax
  }

  /** Connections that are open, in use or not. */
  get open(): number {
    return this.#open
  }

  /**
   * Gives a connection: an unused one at once, which is returned; or a new one, which `handler.onConnected` gets later. It is in
   * `handler.onFailed` too that a failure is told.
   * @param fresh asks for a new one, after a used one turned out to be dead.
   */
  acquire(handler: UpstreamHandler, fresh: boolean): UpstreamConnection | GatewayError {
    const idle = fresh ? undefined : this.#idle.pop()
    if (idle !== undefined) {
      idle.assign(handler)
      return idle
    }
    if (this.#open >= this.#settings.connectionsMax) {
      return new GatewayError('upstream_connections_exhausted', `${this.label}: all connections are in use`, 'upstream', 'if-unsent')
    }
    this.#open++
    this.#context.connections.add(1)
    this.#context.connectionsTotal.add(1)
    return new ClientConnection(this.host, this.port, this.#settings.connectTimeoutMs, this, handler)
  }

  onReusable(connection: ClientConnection): void {
    if (this.#retired) {
      connection.abort()
      return
    }
    const promised = connection.keepAliveMs > 0 ? Math.max(connection.keepAliveMs - KEEP_ALIVE_MARGIN_MS, 1) : Number.POSITIVE_INFINITY
    connection.expireAfter(Math.min(this.#settings.idleTimeoutMs, promised))
    this.#idle.push(connection)
  }

  onGone(connection: ClientConnection): void {
    this.#open--
    this.#context.connections.add(-1)
    const index = this.#idle.lastIndexOf(connection)
    if (index !== -1) this.#idle.splice(index, 1)
  }

  /** No service names it any more: unused connections close now, the others after their exchange. */
  retire(): void {
    this.#retired = true
    for (const connection of this.#idle.slice()) connection.abort()
  }
}
