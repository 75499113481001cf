import type { GatewayError } from '../core/errors.ts'
import type { Address, Wire } from '../http/dial.ts'
import type { UpstreamHandler } from '../http/h1/upstream-handler.ts'
import { TlsPeer } from '../http/tls-peer.ts'
import type { UpstreamConnection } from '../http/upstream-connection.ts'
import { ConnectionCount, type TargetContext, type TargetSettings } from './pool-context.ts'
import { TargetConnections } from './target-connections.ts'
import { TargetHealth } from './target-health.ts'

/** One address of a service, with its connections. It outlives reloads for as long as its service names it. */
export class Target implements Address {
  readonly host: string
  readonly port: number
  readonly label: string
  /** The host as it stands in an authority. */
  readonly #hostLabel: string
  /** As configured. */
  weight: number
  /** An operator has taken it out: it gets nothing new, whatever its health. */
  isDrained = false
  /** Kept by the health of its service: whether it takes part, and with how much of its weight. */
  isUsable = true
  effectiveWeight: number
  readonly health = new TargetHealth()
  /** What smooth round robin owes it. */
  turn = 0
  /** Exchanges that are with it now; what least-connections and power-of-two look at. */
  inFlight = 0
  readonly #settings: Readonly<TargetSettings>
  readonly #context: TargetContext
  readonly #count: ConnectionCount
  #tls: TargetSettings['tls']
  #protocol: TargetSettings['protocol']
  #connections: TargetConnections

  /** @param settings of its service; they may change, see {@link renew} */
  constructor(host: string, port: number, weight: number, settings: Readonly<TargetSettings>, context: TargetContext) {
    this.host = host
    this.port = port
    this.#hostLabel = host.includes(':') ? `[${host}]` : host
    this.label = `${this.#hostLabel}:${port}`
    this.weight = weight
    this.effectiveWeight = weight
    this.#settings = settings
    this.#context = context
    this.#count = new ConnectionCount(context)
    this.#tls = settings.tls
    this.#protocol = settings.protocol
    this.#connections = this.#newConnections()
  }

  #newConnections(): TargetConnections {
    const context = { address: this, settings: this.#settings, wheel: this.#context.wheel, count: this.#count }
    return new TargetConnections(context, this.wire())
  }

  /** How it is spoken to now, by who has no part in its pools. No TLS session is resumed by that, so that its certificate is verified. */
  wire(): Wire {
    const { tls, protocol } = this.#settings
    return { tls: tls === null ? null : new TlsPeer(tls, this.host), protocol }
  }

  /** Its name and port as a Host: without the port that its scheme has anyway (RFC 9110, 4.2.3). */
  get authority(): string {
    return this.port === (this.#settings.tls === null ? 80 : 443) ? this.#hostLabel : this.label
  }

  /** Connections that are open, in use or not, or in the making. */
  get open(): number {
    return this.#count.open
  }

  /**
   * Gives a connection: one that is there at once, which is returned; or one that is being made, for which something stands that can be
   * given up, and which `handler.onConnected` gets later. It is in `handler.onFailed` too that a failure is told.
   * @param fresh asks for a new one, after a used one turned out to be dead. @param needsHttp1 for requests that switch protocols
   */
  acquire(handler: UpstreamHandler, fresh: boolean, needsHttp1 = false): UpstreamConnection | GatewayError {
    return this.#connections.acquire(handler, fresh, needsHttp1)
  }

  /** The settings may be others: new connections are made by the new ones, and the old ones end with what they carry. */
  renew(): void {
    const { tls, protocol } = this.#settings
    if (tls === this.#tls && protocol === this.#protocol) return
    this.#tls = tls
    this.#protocol = protocol
    this.#connections.retire()
    this.#connections = this.#newConnections()
  }

  /** No service names it any more: unused connections close now, the others after their exchange. */
  retire(): void {
    this.#connections.retire()
  }
}
