import { BlockList, createServer, isIP, type Server, type Socket } from 'node:net'
import type { ListenerIr } from '../config/ir.ts'
import type { Clock } from '../core/clock.ts'
import type { Exchange } from '../core/exchange.ts'
import type { Limits } from '../core/limits.ts'
import type { Metrics } from '../core/observe.ts'
import { Deadline, type TimerWheel } from '../core/timers.ts'
import { unmapAddress } from '../http/h1/client-address.ts'
import { ServerConnection } from '../http/h1/server-connection.ts'
import type { DownstreamConnection, ExchangeHandler, ServerContext } from '../http/http.ts'
import { Transport } from '../http/transport.ts'
import { type ListenerMetrics, listenerMetrics } from '../telemetry/gateway-metrics.ts'

const BACKLOG = 4096

/**
 * How long unused connections stay open once the listener stops. A request that is on its way when a connection is closed is lost to its
 * client; in this time it is answered, and told to close. What was unused for so long is unlikely to be used just then.
 */
const IDLE_GRACE_MS = 500

/** What a listener needs of its worker. */
export interface ListenerParts {
  readonly clock: Clock
  readonly wheel: TimerWheel
  readonly metrics: Metrics
  readonly limits: Limits
  createHandler(exchange: Exchange): ExchangeHandler
}

/** One port that is accepted on, with its connections. It outlives reloads for as long as its address is configured. */
export class Listener {
  readonly connections = new Set<DownstreamConnection>()
  readonly #server: Server
  readonly #metrics: ListenerMetrics
  readonly #context: ServerContext
  readonly #idleGrace = new Deadline(() => {
    for (const connection of this.connections) connection.closeWhenIdle()
  })
  #trusted: BlockList
  #address: { readonly host: string; readonly port: number }

  constructor(ir: ListenerIr, parts: ListenerParts) {
    this.#address = { host: ir.host, port: ir.port }
    this.#trusted = trustedList(ir.trustedProxies)
    this.#metrics = listenerMetrics(parts.metrics, ir.name)
    this.#context = {
      listener: { name: ir.name, port: ir.port, scheme: 'http', redirectPort: null, requiresCertificate: false },
      limits: parts.limits,
      wheel: parts.wheel,
      clock: parts.clock,
      draining: false,
      isTrusted: (address) => isListed(this.#trusted, address),
      createHandler: (exchange) => parts.createHandler(exchange),
      connections: this.#metrics.connections,
      requestsInFlight: this.#metrics.requestsInFlight,
      connectionsTotal: this.#metrics.connectionsTotal,
    }
    this.#server = createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true }, (socket) => this.#accept(socket))
  }

  /** Opens the port. Rejects with a sentence for the operator when it is taken or not ours to take. */
  open(): Promise<void> {
    const { host, port } = this.#address
    return new Promise((resolve, reject) => {
      this.#server.once('error', (error: NodeJS.ErrnoException) => {
        const reason = error.code === 'EADDRINUSE' ? 'it is in use (EADDRINUSE)' : error.message
        reject(new Error(`cannot listen on ${host}:${port}: ${reason}`))
      })
      this.#server.listen({ host, port, backlog: BACKLOG }, () => {
        const bound = this.#server.address()
        if (bound !== null && typeof bound === 'object') this.#address = { host, port: bound.port }
        resolve()
      })
    })
  }

  get address(): { readonly host: string; readonly port: number } {
    return this.#address
  }

  /** Takes over what may change while the port stays. */
  update(ir: ListenerIr, limits: Limits): void {
    this.#trusted = trustedList(ir.trustedProxies)
    this.#context.limits = limits
  }

  #accept(socket: Socket): void {
    if (this.connections.size >= this.#context.limits.connectionsMax || this.#context.draining) {
      this.#metrics.connectionsRefused.add(1)
      socket.destroy()
      return
    }
    const peer = socket.remoteAddress
    if (peer === undefined) {
      // It was gone before it was accepted.
      socket.destroy()
      return
    }
    this.#metrics.connections.add(1)
    this.#metrics.connectionsTotal.add(1)
    const connection = new ServerConnection(
      (owner) => Transport.accept(socket, owner),
      { address: unmapAddress(peer), certificate: null },
      this.#context,
      (closed) => this.connections.delete(closed),
    )
    if (!connection.transport.closed) this.connections.add(connection)
  }

  /** Stops accepting; connections close after the response they are at or still get in the next {@link IDLE_GRACE_MS}, unused ones then. */
  stop(): void {
    this.#server.close()
    this.#context.draining = true
    for (const connection of this.connections) connection.announceDrain()
    if (this.connections.size > 0) this.#context.wheel.set(this.#idleGrace, IDLE_GRACE_MS)
  }

  /** Ends what is left. */
  cut(): number {
    const left = this.connections.size
    for (const connection of this.connections) connection.cut()
    return left
  }
}

/** Whether an address is in a list; what is no address is not. */
export function isListed(list: BlockList, address: string): boolean {
  return isIP(address) !== 0 && list.check(address, address.includes(':') ? 'ipv6' : 'ipv4')
}

export function trustedList(blocks: readonly string[]): BlockList {
  const list = new BlockList()
  for (const block of blocks) {
    const slash = block.indexOf('/')
    const address = slash === -1 ? block : block.slice(0, slash)
    const family = address.includes(':') ? 'ipv6' : 'ipv4'
    if (slash === -1) list.addAddress(address, family)
    else list.addSubnet(address, Number(block.slice(slash + 1)), family)
  }
  return list
}
