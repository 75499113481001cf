import { GatewayError } from '../core/errors.ts'
import { Dial, type DialOwner, type HttpProtocol, type Wire } from '../http/dial.ts'
import type { UpstreamHandler } from '../http/h1/upstream-handler.ts'
import { STREAMS_ASSUMED } from '../http/h2/client-session.ts'
import type { Transport } from '../http/transport.ts'
import type { UpstreamConnection } from '../http/upstream-connection.ts'
import { Http1Pool } from './http1-pool.ts'
import { Http2Pool } from './http2-pool.ts'
import type { PoolContext } from './pool-context.ts'
import { Waiter } from './waiter.ts'

/**
 * The connections to one target under one set of settings for TLS and protocol: pools for each protocol, connections in the making, and
 * requests that wait for these. While nobody knows whether a target speaks HTTP/2, requests wait together for the first connection: if it
 * turns out to be HTTP/1.1, each of the others gets one of its own, a handshake later than otherwise; from then on nobody waits for another.
 */
export class TargetConnections {
  readonly #context: PoolContext
  readonly #wire: Wire
  readonly #http1: Http1Pool
  readonly #http2: Http2Pool
  readonly #dials = new Set<SharedDial>()
  /** What the target speaks, as far as is known. */
  #known: HttpProtocol | null
  #isRetired = false

  constructor(context: PoolContext, wire: Wire) {
    this.#context = context
    this.#wire = wire
    this.#http1 = new Http1Pool(context)
    this.#http2 = new Http2Pool(context)
    this.#known = wire.protocol === 'auto' ? (wire.tls === null ? 'http/1.1' : null) : wire.protocol
  }

  /** As `Target.acquire`. */
  acquire(handler: UpstreamHandler, fresh: boolean, needsHttp1: boolean): UpstreamConnection | GatewayError {
    if (this.#known !== 'http/1.1' && !needsHttp1) {
      const stream = this.#http2.take(handler, fresh)
      if (stream !== null) return stream
    }
    const idle = fresh ? null : this.#http1.take(handler)
    if (idle !== null) return idle
    if (needsHttp1 && this.#wire.protocol === 'h2') {
      const detail = `${this.#context.address.label}: a switch of protocols needs HTTP/1.1, and the service is to be asked by HTTP/2 only`
      return new GatewayError('service_unavailable', detail, 'upstream')
    }
    const waiter = new Waiter(handler)
    return this.#wait(waiter, needsHttp1) ?? waiter
  }

  /** Has it wait for a connection that is being made, or for a new one. Returns why it cannot. */
  #wait(waiter: Waiter, needsHttp1: boolean): GatewayError | null {
    const shared = needsHttp1 || this.#known === 'http/1.1' ? null : this.#joinable()
    if (shared !== null) {
      shared.add(waiter)
      return null
    }
    const { address, settings, count } = this.#context
    if (!count.take(settings.connectionsMax)) {
      return new GatewayError('upstream_connections_exhausted', `${address.label}: all connections are in use`, 'upstream', 'if-unsent')
    }
    const wire: Wire = needsHttp1 ? { tls: this.#wire.tls, protocol: 'http/1.1' } : this.#wire
    this.#dials.add(new SharedDial(this.#context, wire, waiter, this))
    return null
  }

  #joinable(): SharedDial | null {
    for (const dial of this.#dials) if (dial.isShared && dial.waiters.length < STREAMS_ASSUMED) return dial
    return null
  }

  onDialed(dial: SharedDial, transport: Transport, protocol: HttpProtocol): void {
    this.#dials.delete(dial)
    if (dial.isShared) this.#known = protocol
    const waiters = dial.waiters.splice(0)
    if (protocol === 'http/1.1') {
      waiters.shift()?.connect((handler) => this.#http1.adopt(transport, handler))
    } else {
      const session = this.#http2.adopt(transport)
      while (session.hasRoom && waiters.length > 0) waiters.shift()?.connect((handler) => session.open(handler))
      if (this.#isRetired) session.retire()
    }
    // What the first ones did within these calls may have ended the others' waiting, or the connection.
    for (const waiter of waiters) {
      if (waiter.isOver) continue
      const refusal = this.#wait(waiter, false)
      if (refusal !== null) waiter.fail(refusal)
    }
  }

  onDialFailed(dial: SharedDial, error: GatewayError): void {
    this.#drop(dial)
    for (const waiter of dial.waiters.splice(0)) waiter.fail(error)
  }

  onUnwanted(dial: SharedDial): void {
    this.#drop(dial)
  }

  #drop(dial: SharedDial): void {
    this.#dials.delete(dial)
    this.#context.count.give()
  }

  /** Nothing new comes: unused connections close now, the others after their exchanges. Who waits for one still gets it. */
  retire(): void {
    this.#isRetired = true
    this.#http1.retire()
    this.#http2.retire()
  }
}

/** A connection in the making, and who waits for it: several, where it may turn out to carry them all. */
class SharedDial implements DialOwner {
  readonly waiters: Waiter[] = []
  readonly isShared: boolean
  readonly #owner: TargetConnections
  readonly #dial: Dial

  constructor({ address, settings, wheel }: PoolContext, wire: Wire, first: Waiter, owner: TargetConnections) {
    this.isShared = wire.protocol !== 'http/1.1'
    this.#owner = owner
    this.add(first)
    this.#dial = new Dial(address, wire, settings.connectTimeoutMs, wheel, this)
  }

  add(waiter: Waiter): void {
    this.waiters.push(waiter)
    waiter.onGivenUp = () => this.#remove(waiter)
  }

  #remove(waiter: Waiter): void {
    const index = this.waiters.indexOf(waiter)
    if (index === -1) return
    this.waiters.splice(index, 1)
    if (this.waiters.length > 0) return
    this.#dial.cancel()
    this.#owner.onUnwanted(this)
  }

  onDialed(transport: Transport, protocol: HttpProtocol): void {
    this.#owner.onDialed(this, transport, protocol)
  }

  onDialFailed(error: GatewayError): void {
    this.#owner.onDialFailed(this, error)
  }
}
