import { Deadline, type TimerWheel } from '../core/timers.ts'
import type { DownstreamConnection, DownstreamStream } from './http.ts'
import type { Transport, TransportOwner } from './transport.ts'

/** What the preface of HTTP/2 begins with (RFC 9113, 3.4). As a method of HTTP/1.1 it is reserved for just this (11.7). */
const PREFACE = Buffer.from('PRI ')

/** Looks at the first bytes of a connection without TLS, and says which protocol they are. HTTP/2 is there by prior knowledge alone. */
export class ProtocolDetector implements DownstreamConnection, TransportOwner {
  readonly #transport: Transport
  readonly #wheel: TimerWheel
  readonly #onDetected: (protocol: 'http/1.1' | 'h2', transport: Transport) => TransportOwner
  readonly #onGone: () => void
  readonly #deadline = new Deadline(() => this.cut())
  #first: Buffer = Buffer.alloc(0)

  /**
   * @param timeoutMs longest wait for the first bytes
   * @param onDetected gives who takes the connection over; it then gets all bytes. @param onGone the connection closed before
   */
  constructor(
    accept: (owner: TransportOwner) => Transport,
    wheel: TimerWheel,
    timeoutMs: number,
    onDetected: (protocol: 'http/1.1' | 'h2', transport: Transport) => TransportOwner,
    onGone: () => void,
  ) {
    this.#wheel = wheel
    this.#onDetected = onDetected
    this.#onGone = onGone
    this.#transport = accept(this)
    wheel.set(this.#deadline, timeoutMs)
  }

  onBytes(bytes: Buffer, start: number, end: number): void {
    // Nearly always all of a head is there at once.
    if (this.#first.length === 0 && (bytes[start] !== PREFACE[0] || end - start >= PREFACE.length)) {
      this.#hand(bytes, start, end)
      return
    }
    this.#first = Buffer.concat([this.#first, bytes.subarray(start, end)])
    const isUndecided = this.#first.length < PREFACE.length && PREFACE.subarray(0, this.#first.length).equals(this.#first)
    if (!isUndecided) this.#hand(this.#first, 0, this.#first.length)
  }

  #hand(bytes: Buffer, start: number, end: number): void {
    this.#wheel.clear(this.#deadline)
    const isHttp2 = end - start >= PREFACE.length && bytes.compare(PREFACE, 0, PREFACE.length, start, start + PREFACE.length) === 0
    const owner = this.#onDetected(isHttp2 ? 'h2' : 'http/1.1', this.#transport)
    owner.onBytes(bytes, start, end)
  }

  onReadEnd(): void {
    this.cut()
  }

  onDrain(): void {}

  onClosed(): void {
    this.#wheel.clear(this.#deadline)
    this.#onGone()
  }

  announceDrain(): void {}

  closeWhenIdle(): void {
    this.cut()
  }

  streams(): readonly DownstreamStream[] {
    return []
  }

  cut(): void {
    this.#transport.destroy()
    this.onClosed()
  }
}
