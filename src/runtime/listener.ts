import { BlockList, createServer, isIP, type Server, type Socket } from 'node:net'
import type { ListenerIr } from '../config/ir.ts'
import type { Clock } from '../core/clock.ts'
import type { Exchange, ListenerInfo } from '../core/exchange.ts'
import type { Limits } from '../core/limits.ts'
import type { Logger, Metrics } from '../core/observe.ts'
import { Deadline, type TimerWheel } from '../core/timers.ts'
import { unmapAddress } from '../http/h1/client-address.ts'
import { ServerConnection } from '../http/h1/server-connection.ts'
import { ServerSession } from '../http/h2/server-session.ts'
import type { DownstreamConnection, ExchangeHandler, Peer, ServerContext } from '../http/http.ts'
import { ProtocolDetector } from '../http/protocol-detector.ts'
import { type SecureConnection, TlsAcceptor } from '../http/tls-acceptor.ts'
import { Transport, type TransportOwner } from '../http/transport.ts'
import { type ListenerMetrics, listenerMetrics } from '../telemetry/gateway-metrics.ts'

const BACKLOG = 4096

/**
 * How long unused connections stay open once the listener stops. A request that is on its way when a connection is closed is lost to its
 * client; in this time it is answered, and told to close. What was unused for so long is unlikely to be used just then.
 */
const IDLE_GRACE_MS = 500

/** How often a failed handshake is told of. */
const HANDSHAKE_LOG_MS = 10_000

/** What a listener needs of its worker. */
export interface ListenerParts {
  readonly clock: Clock
  readonly wheel: TimerWheel
  readonly metrics: Metrics
  readonly log: Logger
  readonly limits: Limits
  createHandler(exchange: Exchange): ExchangeHandler
}

/** A listener's TLS, with the settings that it was made of. */
export interface ListenerTls {
  readonly settings: string
  readonly acceptor: TlsAcceptor
}

/**
 * What a listener speaks TLS with; null for plain HTTP.
 * @param before what it has now, which stays when nothing has changed
 * @throws Error when OpenSSL does not take what is configured
 */
export function prepareTls(
  { tls, http2 }: ListenerIr,
  ticketSeed: string,
  limits: Limits,
  clock: Clock,
  before: ListenerTls | null,
): ListenerTls | null {
  if (tls === null) return null
  const { headTimeoutMs } = limits
  const settings = JSON.stringify({ tls, http2, ticketSeed, headTimeoutMs })
  if (before?.settings === settings) return before
  const { certificates, minVersion, ciphers, clientCertificates } = tls
  const acceptor = new TlsAcceptor(
    { certificates, minVersion, ciphers, clientCa: clientCertificates?.ca ?? null, http2 },
    ticketSeed,
    headTimeoutMs,
    () => clock.epochMs(),
  )
  return { settings, acceptor }
}

/** One port that is accepted on, with its connections. It outlives reloads for as long as its address is configured. */
export class Listener {
  readonly connections = new Set<DownstreamConnection>()
  readonly #server: Server
  readonly #metrics: ListenerMetrics
  readonly #log: Logger
  readonly #context: ServerContext
  readonly #idleGrace = new Deadline(() => {
    for (const connection of this.connections) connection.closeWhenIdle()
  })
  #trusted: BlockList
  #address: { readonly host: string; readonly port: number }
  #tls: ListenerTls | null
  #speaksHttp2: boolean
  /** TLS handshakes under way: they hold a place, but are no connection of HTTP yet. */
  #handshakes = 0
  /** Failed since the log spoke of one, and until when it does not. */
  #handshakesFailed = 0
  #silentUntilMs = Number.NEGATIVE_INFINITY

  constructor(ir: ListenerIr, tls: ListenerTls | null, parts: ListenerParts) {
    this.#address = { host: ir.host, port: ir.port }
    this.#trusted = trustedList(ir.trustedProxies)
    this.#tls = tls
    this.#speaksHttp2 = ir.http2
    this.#log = parts.log
    this.#metrics = listenerMetrics(parts.metrics, ir.name)
    this.#context = {
      listener: listenerInfo(ir),
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
        if (bound !== null && typeof bound === 'object') {
          this.#address = { host, port: bound.port }
          // Of port 0 it is known only now.
          this.#context.listener = { ...this.#context.listener, port: bound.port }
        }
        resolve()
      })
    })
  }

  get address(): { readonly host: string; readonly port: number } {
    return this.#address
  }

  /** What it speaks TLS with now. */
  get tls(): ListenerTls | null {
    return this.#tls
  }

  /** Takes over what may change while the port stays. Connections that are open keep what they were made with. */
  update(ir: ListenerIr, tls: ListenerTls | null, limits: Limits): void {
    this.#trusted = trustedList(ir.trustedProxies)
    this.#tls = tls
    this.#speaksHttp2 = ir.http2
    this.#context.limits = limits
    this.#context.listener = { ...listenerInfo(ir), port: this.#address.port }
  }

  #accept(socket: Socket): void {
    const peer = socket.remoteAddress
    if (this.connections.size + this.#handshakes >= this.#context.limits.connectionsMax || this.#context.draining) {
      this.#metrics.connectionsRefused.add(1)
      socket.destroy()
      return
    }
    if (peer === undefined) {
      // It was gone before it was accepted.
      socket.destroy()
      return
    }
    this.#metrics.connections.add(1)
    this.#metrics.connectionsTotal.add(1)
    const address = unmapAddress(peer)
    if (this.#tls !== null) this.#secure(socket, address, this.#tls.acceptor)
    else if (this.#speaksHttp2) this.#detect(socket, { address, certificate: null, tls: null })
    else this.#serve('http/1.1', (owner) => Transport.accept(socket, owner), { address, certificate: null, tls: null })
  }

  #secure(socket: Socket, address: string, acceptor: TlsAcceptor): void {
    this.#handshakes++
    const onSecure = ({ socket: secured, protocol, certificate, tls }: SecureConnection): void => {
      this.#handshakes--
      this.#metrics.handshakes(secured.isSessionReused() ? 'resumed' : 'full').add(1)
      if (this.#context.draining) {
        this.#metrics.connections.add(-1)
        secured.destroy()
        return
      }
      this.#serve(protocol, (owner) => Transport.secure(secured, owner), { address, certificate, tls })
    }
    acceptor.accept(socket, onSecure, (code) => {
      this.#handshakes--
      this.#metrics.handshakes('failed').add(1)
      this.#metrics.connections.add(-1)
      this.#onHandshakeFailed(address, code)
    })
  }

  /** Port scanners fail by the thousand: one line in a while says what a client that cannot connect needs to be told. */
  #onHandshakeFailed(client: string, code: string): void {
    this.#handshakesFailed++
    const nowMs = this.#context.clock.now()
    if (nowMs < this.#silentUntilMs) return
    this.#log.info({ listener: this.#context.listener.name, client, code, failed: this.#handshakesFailed }, 'a TLS handshake failed')
    this.#silentUntilMs = nowMs + HANDSHAKE_LOG_MS
    this.#handshakesFailed = 0
  }

  #detect(socket: Socket, peer: Peer): void {
    const detector = new ProtocolDetector(
      (owner) => Transport.accept(socket, owner),
      this.#context.wheel,
      this.#context.limits.headTimeoutMs,
      (protocol, transport) => {
        this.connections.delete(detector)
        return this.#serve(
          protocol,
          (owner) => {
            transport.owner = owner
            return transport
          },
          peer,
        )
      },
      () => {
        this.#metrics.connections.add(-1)
        this.connections.delete(detector)
      },
    )
    this.connections.add(detector)
  }

  #serve(protocol: 'http/1.1' | 'h2', accept: (owner: TransportOwner) => Transport, peer: Peer): DownstreamConnection & TransportOwner {
    const onClosed = (closed: DownstreamConnection): boolean => this.connections.delete(closed)
    const Connection = protocol === 'h2' ? ServerSession : ServerConnection
    const connection = new Connection(accept, peer, this.#context, onClosed)
    if (!connection.transport.closed) this.connections.add(connection)
    return connection
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
    this.#tls?.acceptor.cut()
    return left
  }
}

function listenerInfo({ name, port, tls, redirectPort }: ListenerIr): ListenerInfo {
  return {
    name,
    port,
    scheme: tls === null ? 'http' : 'https',
    redirectPort,
    requiresCertificate: tls?.clientCertificates?.mode === 'require',
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
