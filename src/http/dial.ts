import { GatewayError } from '../core/errors.ts'
import { Deadline, type TimerWheel } from '../core/timers.ts'
import { connectError, tlsError } from './connect-fault.ts'
import type { TlsPeer } from './tls-peer.ts'
import { Transport, type TransportOwner } from './transport.ts'

export type HttpProtocol = 'http/1.1' | 'h2'

/** How a target is spoken to. */
export interface Wire {
  /** Null for no TLS. */
  readonly tls: TlsPeer | null
  /** `auto`: what ALPN agrees on over TLS, HTTP/1.1 without. */
  readonly protocol: 'auto' | HttpProtocol
}

export interface Address {
  readonly host: string
  readonly port: number
  /** `host:port`. */
  readonly label: string
}

/** Who waits for a connection. One of the two is called, once and later. */
export interface DialOwner {
  /** The transport's owner is still the dial: whoever takes it becomes its owner at once. */
  onDialed(transport: Transport, protocol: HttpProtocol): void
  onDialFailed(error: GatewayError): void
}

const OFFERS: Readonly<Record<Wire['protocol'], readonly HttpProtocol[]>> = {
  auto: ['h2', 'http/1.1'],
  'http/1.1': ['http/1.1'],
  h2: ['h2'],
}

/** A connection in the making: TCP, TLS where it is spoken, and which protocol follows, all within one time limit. */
export class Dial implements TransportOwner {
  readonly #label: string
  readonly #wire: Wire
  readonly #owner: DialOwner
  readonly #wheel: TimerWheel
  readonly #deadline: Deadline
  readonly #transport: Transport
  #inHandshake = false
  #isOver = false

  constructor({ host, port, label }: Address, wire: Wire, timeoutMs: number, wheel: TimerWheel, owner: DialOwner) {
    this.#label = label
    this.#wire = wire
    this.#owner = owner
    this.#wheel = wheel
    this.#deadline = new Deadline(() => this.#onTimeout())
    wheel.set(this.#deadline, timeoutMs)
    if (wire.tls === null) {
      this.#transport = Transport.connect(host, port, this)
    } else {
      this.#transport = Transport.connectSecure(host, port, wire.tls.options(OFFERS[wire.protocol]), this)
      if (this.#transport.tls !== null) wire.tls.keepSessions(this.#transport.tls)
    }
  }

  /** Nobody waits any more. */
  cancel(): void {
    if (this.#isOver) return
    this.#end()
    this.#transport.destroy()
  }

  onHandshake(): void {
    this.#inHandshake = true
  }

  onConnected(): void {
    const protocol = this.#protocol()
    if (protocol === null) return this.#fail(tlsError(this.#label, 'no HTTP/2 was agreed on (ALPN)', null))
    this.#end()
    this.#owner.onDialed(this.#transport, protocol)
  }

  /** What follows, or null where that is not what was wanted. A server without ALPN speaks HTTP/1.1 (RFC 9113, 3.3). */
  #protocol(): HttpProtocol | null {
    const { tls, protocol } = this.#wire
    if (tls === null) return protocol === 'h2' ? 'h2' : 'http/1.1'
    const agreed = this.#transport.tls?.alpnProtocol === 'h2' ? 'h2' : 'http/1.1'
    return protocol === 'auto' || protocol === agreed ? agreed : null
  }

  onBytes(): void {}

  onDrain(): void {}

  onReadEnd(): void {
    this.#onLost(null)
  }

  onClosed(error: Error | null): void {
    this.#onLost(error)
  }

  #onLost(error: Error | null): void {
    if (this.#inHandshake) this.#fail(tlsError(this.#label, 'the connection ended within the handshake', error))
    else this.#fail(connectError(this.#label, error))
  }

  #onTimeout(): void {
    const detail = `${this.#label}: ${this.#inHandshake ? 'no TLS handshake' : 'no connection'} in time`
    this.#fail(new GatewayError('upstream_connect_timeout', detail, 'upstream', 'if-unsent'))
  }

  #fail(error: GatewayError): void {
    if (this.#isOver) return
    this.#end()
    this.#transport.destroy()
    this.#owner.onDialFailed(error)
  }

  #end(): void {
    this.#isOver = true
    this.#wheel.clear(this.#deadline)
  }
}
